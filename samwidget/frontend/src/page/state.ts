// One snapshot of the objects, and how it changes: pure functions, as samwidget/document has them. document.ts makes a step
// of the history of what they return; the same state comes back where nothing changes.

import type { Search } from "./everything.ts";
import { leastUsedColour } from "./palette.ts";
import { type Draft, largest, type Masks, type ObjectClass, PromptError, type SegmentedObject } from "./values.ts";

export interface State {
  /** In drawing order, later ones on top. */
  readonly objects: readonly SegmentedObject[];
  /** For each of the objects the candidates of its prompt; null for one that a search found. */
  readonly candidates: readonly (Masks | null)[];
  /** The object that the next prompt refines. */
  readonly active: number | null;
  /** What a search has found, while the user may keep or discard it. */
  readonly search: Search | null;
  readonly classes: readonly ObjectClass[];
  /** The class that new objects get. */
  readonly activeClass: string | null;
}

export const EMPTY_STATE: State = {
  objects: [],
  candidates: [],
  active: null,
  search: null,
  classes: [],
  activeClass: null,
};

export function indexOf(state: State, id: number): number {
  const index = state.objects.findIndex((item) => item.id === id);
  if (index >= 0) return index;
  const ids = state.objects.map((item) => item.id).join(", ");
  throw new PromptError(`there is no object ${id}`, ids ? `the ids are [${ids}]` : "there are no objects");
}

export function activeObject(state: State): SegmentedObject {
  const item = state.objects.find(({ id }) => id === state.active);
  if (!item) throw new PromptError("no object is active", "select one first");
  return item;
}

/** The index of an object, which must not be locked. */
export function unlocked(state: State, id: number): number {
  const index = indexOf(state, id);
  const item = state.objects[index];
  if (item?.locked) throw new PromptError(`${item.name} is locked`, "unlock it in the list of objects");
  return index;
}

/** The level of the candidate that an object shows; null where it has no candidates. */
export function shownLevel(state: State, index: number): number | null {
  const masks = state.candidates[index];
  return masks ? (state.objects[index]?.level ?? largest(masks.scores)) : null;
}

/** What an object shows of the candidates of its prompt: those of a level, or else the best one. */
export function shownOf(
  masks: Masks,
  level: number | null,
): Pick<Draft, "logits" | "score" | "frame" | "prompt" | "level"> {
  const chosen = level !== null && level < masks.logits.length ? level : null;
  const index = chosen ?? largest(masks.scores);
  const { frame, prompt } = masks;
  return { frame, prompt, level: chosen, logits: logitsOf(masks, index), score: masks.scores[index] ?? 0 };
}

export function logitsOf(masks: Masks, level: number): Float32Array {
  const logits = masks.logits[level];
  if (!logits) throw new PromptError(`there is no candidate ${level}`, `give 0 to ${masks.logits.length - 1}`);
  return logits;
}

export function replaced(state: State, index: number, item: SegmentedObject, masks: Masks | null): State {
  return { ...state, objects: state.objects.with(index, item), candidates: state.candidates.with(index, masks) };
}

export function changed(state: State, id: number, fields: Partial<SegmentedObject>): State {
  const index = indexOf(state, id);
  const before = state.objects[index] as SegmentedObject;
  const isSame = Object.entries(fields).every(([name, value]) => before[name as keyof SegmentedObject] === value);
  return isSame ? state : { ...state, objects: state.objects.with(index, { ...before, ...fields }) };
}

export function without(state: State, ids: readonly number[]): State {
  const gone = new Set(ids.map((id) => unlocked(state, id)));
  const stays = (_: unknown, index: number) => !gone.has(index);
  const objects = state.objects.filter(stays);
  const active = objects.some(({ id }) => id === state.active) ? state.active : null;
  return { ...state, objects, active, candidates: state.candidates.filter(stays) };
}

export function reordered(state: State, ids: readonly number[], to: "front" | "back"): State {
  const moved = new Set(ids.map((id) => indexOf(state, id)));
  const indices = state.objects.map((_, index) => index);
  const [chosen, others] = [true, false].map((isMoved) => indices.filter((index) => moved.has(index) === isMoved));
  const order = to === "front" ? [...(others ?? []), ...(chosen ?? [])] : [...(chosen ?? []), ...(others ?? [])];
  if (order.every((index, position) => index === position)) return state;
  const inOrder = <T>(items: readonly T[]) => order.map((index) => items[index] as T);
  return { ...state, objects: inOrder(state.objects), candidates: inOrder(state.candidates) };
}

export function locked(state: State, ids: readonly number[], isLocked: boolean): State {
  return ids.reduce((before, id) => changed(before, id, { locked: isLocked }), state);
}

export function classOf(state: State, name: string): ObjectClass {
  const known = state.classes.find((item) => item.name === name);
  if (known) return known;
  const names = state.classes.map((item) => item.name).join(", ");
  throw new PromptError(`there is no class ${name}`, names ? `the classes are ${names}` : "there are no classes");
}

export function addClass(state: State, name: string): State {
  if (state.classes.some((item) => item.name === name)) return state;
  const colour = leastUsedColour(state.classes.map((item) => item.colour));
  return { ...state, classes: [...state.classes, { name, colour }] };
}

export function renameClass(state: State, name: string, newName: string): State {
  classOf(state, name);
  if (name === newName) return state;
  if (state.classes.some((item) => item.name === newName)) {
    throw new PromptError(`there is a class ${newName} already`, "give the objects that class instead");
  }
  return {
    ...state,
    classes: state.classes.map((item) => (item.name === name ? { ...item, name: newName } : item)),
    activeClass: state.activeClass === name ? newName : state.activeClass,
    objects: state.objects.map((item) => (item.className === name ? { ...item, className: newName } : item)),
  };
}

export function deleteClass(state: State, name: string): State {
  classOf(state, name);
  for (const item of state.objects) if (item.className === name) unlocked(state, item.id);
  return {
    ...state,
    classes: state.classes.filter((item) => item.name !== name),
    activeClass: state.activeClass === name ? null : state.activeClass,
    objects: state.objects.map((item) => (item.className === name ? { ...item, className: null } : item)),
  };
}

export function activateClass(state: State, name: string | null): State {
  if (name !== null) classOf(state, name);
  return name === state.activeClass ? state : { ...state, activeClass: name };
}

/** The state in which objects have a class and its colour; `recolour` gives those without one a colour of their own. */
export function setClass(
  state: State,
  ids: readonly number[],
  name: string | null,
  recolour: (items: SegmentedObject[], others: SegmentedObject[]) => SegmentedObject[],
): State {
  const items = ids.map((id) => state.objects[indexOf(state, id)] as SegmentedObject);
  const moved = items.filter(({ className }) => className !== name);
  for (const { id } of moved) unlocked(state, id);
  if (moved.length === 0) return state;
  const isMoved = new Set(moved.map(({ id }) => id));
  const classless = moved.map((item) => ({ ...item, className: null }));
  const next = name === null ? state : addClass(state, name);
  const after =
    name === null
      ? recolour(
          classless,
          state.objects.filter(({ id }) => !isMoved.has(id)),
        )
      : classless.map((item) => ({ ...item, className: name, colour: classOf(next, name).colour }));
  const byId = new Map(after.map((item) => [item.id, item]));
  return { ...next, objects: state.objects.map((item) => byId.get(item.id) ?? item) };
}
