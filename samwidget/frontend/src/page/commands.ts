// How requests change the document, one function for each kind: samwidget/widget/commands.py. Each asks the network first and
// changes the document after that: where it throws, the document is as it was.

import type { Box, Envelope, PointPrompt, Position, SavedPrompt } from "../protocol.ts";
import type { Document } from "./document.ts";
import type { Network } from "./network.ts";
import {
  activeObject,
  addClass,
  changed,
  deleteClass,
  locked,
  renameClass,
  reordered,
  type State,
  shownOf,
  unlocked,
} from "./state.ts";
import { boxOf, EMPTY_PROMPT, isEmpty, NEW, type Prompt, PromptError, point } from "./values.ts";

const SCRIBBLE_POINTS_MAX = 8;
/** A point of a scribble stands for this part of the image's longer side. */
const SCRIBBLE_STEP = 1 / 24;

type Change = (document: Document, network: Network, request: Envelope) => Promise<void> | void;
type Of<K extends Envelope["kind"]> = (
  document: Document,
  network: Network,
  request: Extract<Envelope, { kind: K }>,
) => Promise<void> | void;

const table: { [K in Envelope["kind"]]?: Of<K> } = {
  add_point: (document, network, { x, y, label }) => {
    const prompt = nextPrompt(document.state);
    return refineOrAdd(document, network, { ...prompt, points: [...prompt.points, point(x, y, label)] });
  },
  move_point: (document, network, { index, x, y }) => {
    const prompt = presentPrompt(document.state);
    const [, , label] = pointAt(prompt, index);
    return refineOrAdd(document, network, { ...prompt, points: prompt.points.with(index, point(x, y, label)) });
  },
  remove_point: (document, network, { index }) => {
    const prompt = presentPrompt(document.state);
    pointAt(prompt, index);
    return reduce(document, network, { ...prompt, points: prompt.points.filter((_, i) => i !== index) });
  },
  scribble: (document, network, { points, label }) => {
    const [height, width] = network.frame.image_hw;
    const sampled = pointsAlong(points, Math.max(height, width) * SCRIBBLE_STEP);
    const inside = sampled.filter(([x, y]) => x >= 0 && y >= 0 && x <= width && y <= height);
    if (inside.length === 0) throw new PromptError("the stroke is outside the image", "draw on the image");
    const prompt = nextPrompt(document.state);
    const added = inside.map(([x, y]) => point(x, y, label));
    return refineOrAdd(document, network, { ...prompt, points: [...prompt.points, ...added] });
  },
  add_box: async (document, network, request) => {
    const box = boxOf(request.box);
    const { state } = document;
    const active = state.objects.find(({ id }) => id === state.active);
    if (active && active.prompt.box === null && hasIncludeInside(active.prompt, box)) {
      await refineOrAdd(document, network, { ...presentPrompt(state), box });
    } else document.add(await network.predict({ ...EMPTY_PROMPT, box }));
  },
  move_box: (document, network, { box }) =>
    refineOrAdd(document, network, { ...promptWithBox(document.state), box: boxOf(box) }),
  remove_box: (document, network) => reduce(document, network, { ...promptWithBox(document.state), box: null }),
  choose: (document, _, { level }) => document.choose(level),
  accept: (document) => document.select(null),
  select: (document, _, request) => document.select(request.object),
  rename: (document, _, request) => {
    const id = request.object ?? activeObject(document.state).id;
    unlocked(document.state, id);
    document.change((state) => changed(state, id, { name: request.name.trim() }));
  },
  set_visible: (document, _, request) =>
    document.change((state) => changed(state, request.object, { visible: request.visible })),
  delete: (document, _, request) => document.remove([request.object]),
  clear: (document) => document.remove(document.state.objects.map(({ id }) => id)),
  delete_objects: (document, _, { objects }) => document.remove(objects),
  set_locked: (document, _, request) => document.change((state) => locked(state, request.objects, request.locked)),
  reorder: (document, _, { objects, to }) => document.change((state) => reordered(state, objects, to)),
  add_class: (document, _, { name }) => document.change((state) => addClass(state, name.trim())),
  rename_class: (document, _, request) =>
    document.change((state) => renameClass(state, request.class.trim(), request.name.trim())),
  delete_class: (document, _, request) => document.change((state) => deleteClass(state, request.class.trim())),
  activate_class: (document, _, request) => document.activateClass(request.class?.trim() ?? null),
  set_class: (document, _, request) =>
    document.setClass(request.objects ?? [activeObject(document.state).id], request.class?.trim() ?? null),
  restore_objects: (document, network, { objects }) => restore(document, network, objects),
};

/** What each kind of request changes; the kinds that are not here are no changes, or nothing that a page can do. */
export const changes = table as Partial<Record<Envelope["kind"], Change>>;

/** Makes objects again of their prompts, in one step. */
export async function restore(document: Document, network: Network, objects: readonly SavedPrompt[]): Promise<void> {
  const drafts = [];
  const candidates = [];
  for (const { name, class: className, points, box, levels, visible, locked: isLocked } of objects) {
    const masks = await network.predict({ points, box, level: levels.refined });
    drafts.push({ ...NEW, ...shownOf(masks, levels.chosen), name, className, visible, locked: isLocked });
    candidates.push(masks);
  }
  document.addMany(drafts, candidates);
}

/** The prompt that the next point goes to. */
export function nextPrompt(state: State): Prompt {
  return state.active === null ? EMPTY_PROMPT : presentPrompt(state);
}

/** The active object's prompt, with the level that the next prompt refines. */
function presentPrompt(state: State): Prompt {
  const { prompt, level } = activeObject(state);
  return { ...prompt, level };
}

function promptWithBox(state: State): Prompt {
  const item = activeObject(state);
  if (item.prompt.box === null) throw new PromptError(`${item.name} has no box`, "draw one first");
  return presentPrompt(state);
}

async function refineOrAdd(document: Document, network: Network, prompt: Prompt): Promise<void> {
  const masks = await network.predict(prompt);
  const { active } = document.state;
  if (active === null) document.add(masks);
  else document.refine(active, masks);
}

/** Gives the active object a prompt with one part less; deletes the object where none is left. */
async function reduce(document: Document, network: Network, prompt: Prompt): Promise<void> {
  const { id } = activeObject(document.state);
  if (isEmpty(prompt)) document.remove([id]);
  else document.refine(id, await network.predict(prompt));
}

function pointAt({ points }: Prompt, index: number): PointPrompt {
  const there = points[index];
  if (there) return there;
  throw new PromptError(`there is no point ${index}`, `the prompt has ${points.length} points`);
}

function hasIncludeInside({ points }: Prompt, [x0, y0, x1, y1]: Box): boolean {
  return points.some(([x, y, label]) => label === 1 && x >= x0 && x <= x1 && y >= y0 && y <= y1);
}

/** Points in the middle of equal parts of a stroke, which are `step` long or longer. */
function pointsAlong(stroke: readonly Position[], step: number): Position[] {
  const ends = [0];
  for (let i = 1; i < stroke.length; i++) {
    const [[ax, ay], [bx, by]] = [stroke[i - 1] as Position, stroke[i] as Position];
    ends.push((ends[i - 1] as number) + Math.hypot(bx - ax, by - ay));
  }
  const length = ends.at(-1) as number;
  const count = Math.min(SCRIBBLE_POINTS_MAX, 1 + Math.floor(Math.min(length / step, SCRIBBLE_POINTS_MAX)));
  return Array.from({ length: count }, (_, i) => {
    const position = ((i + 0.5) / count) * length;
    const end = Math.max(
      1,
      ends.findIndex((value) => value >= position),
    );
    const [a, b] = [stroke[end - 1] as Position, (stroke[end] ?? stroke[end - 1]) as Position];
    const part = (ends[end] ?? length) - (ends[end - 1] as number);
    const share = part > 0 ? (position - (ends[end - 1] as number)) / part : 0;
    return [a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])];
  });
}
