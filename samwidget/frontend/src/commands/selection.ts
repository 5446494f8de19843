// Commands for several objects at once: which ones are selected, and what is done with all of them. The first one that was
// selected is the one that is kept: others are merged into it or taken away from it.

import type { View } from "../view.ts";

/** Adds an object to the selection, or takes it out. The active object is the first of a selection that begins. */
export function toggleSelected({ state }: View, id: number): void {
  const selection = state.selection.value;
  const active = state.nextActive.value;
  const before = selection.length === 0 && typeof active === "number" && active !== id ? [active] : selection;
  state.selection.value = before.includes(id) ? before.filter((other) => other !== id) : [...before, id];
}

/** Selects the rows from the first selected object, or the active one, to this one. */
export function selectTo(view: View, id: number): void {
  const { state } = view;
  const ids = shownIds(view);
  const active = state.nextActive.value;
  const from = ids.indexOf(state.selection.value[0] ?? (typeof active === "number" ? active : id));
  const to = ids.indexOf(id);
  if (to < 0) return;
  const range = ids.slice(Math.min(from < 0 ? to : from, to), Math.max(from, to) + 1);
  state.selection.value = from > to ? range.reverse() : range;
}

export function selectAll(view: View): void {
  view.state.selection.value = shownIds(view);
}

export function clearSelection({ state }: View): void {
  state.selection.value = [];
}

/** Makes one object of the selected ones; the first keeps its name and class. */
export function mergeSelected(view: View): void {
  const objects = view.state.selection.value;
  if (objects.length > 1) view.request({ kind: "merge", objects: [...objects] }, performance.now());
}

/** Takes the other selected objects away from the first. */
export function subtractSelected(view: View): void {
  const [object, ...others] = view.state.selection.value;
  if (object !== undefined && others.length > 0) {
    view.request({ kind: "subtract", object, others }, performance.now());
  }
}

/** Makes an object of each piece of the only selected object. */
export function splitSelected(view: View): void {
  const [object, ...others] = view.state.selection.value;
  if (object !== undefined && others.length === 0) view.request({ kind: "split", object }, performance.now());
}

/** Deletes the selected objects, or else the active one. */
export function deleteSelected(view: View): void {
  const { session, state } = view;
  const objects = state.selection.value;
  if (session.everything.isOpen.value) return;
  if (objects.length > 0) view.request({ kind: "delete_objects", objects: [...objects] }, performance.now());
  else if (state.active.value) view.request({ kind: "delete", object: state.active.value.id }, performance.now());
}

/** Locks the selected objects, or else the active one; unlocks them where all are locked. */
export function toggleLock(view: View): void {
  const objects = view.state.targets.value;
  if (objects.length === 0) return;
  const locked = objects.some((object) => !object.locked);
  view.request({ kind: "set_locked", objects: objects.map(({ id }) => id), locked });
}

/** Draws the selected objects, or else the active one, over all others, or below them. */
export function moveInOrder(view: View, to: "front" | "back"): void {
  const objects = view.state.targets.value.map(({ id }) => id);
  if (objects.length > 0) view.request({ kind: "reorder", objects, to }, performance.now());
}

/** The ids of the rows, from top to bottom. */
function shownIds({ state }: View): number[] {
  return state.listed.value.map(({ id }) => id);
}
