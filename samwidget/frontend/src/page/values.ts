// The values that the page's kernel works with: prompts, the candidates of a prompt, objects and classes. They never change.
// samwidget/core has the same ones in Python.

import type { Box, Frame, PointPrompt } from "../protocol.ts";

/** Points and a box that describe one object, image pixels; coordinates are float32, as Python has them. */
export interface Prompt {
  readonly points: readonly PointPrompt[];
  readonly box: Box | null;
  /** The candidate that the points refine; null for the best one. */
  readonly level: number | null;
}

/** The candidates for one prompt, in the network's own order. */
export interface Masks {
  readonly frame: Frame;
  readonly prompt: Prompt;
  /** Low-res logits, one array for each candidate, row by row. */
  readonly logits: readonly Float32Array[];
  /** The network's estimate of each mask's IoU, 0 to 1. */
  readonly scores: readonly number[];
}

/** An object of the document. */
export interface SegmentedObject {
  readonly id: number;
  readonly name: string;
  readonly colour: string;
  readonly logits: Float32Array;
  readonly score: number;
  readonly frame: Frame;
  readonly prompt: Prompt;
  /** The candidate that the user chose, or that a search found; null shows the best one. */
  readonly level: number | null;
  readonly visible: boolean;
  readonly className: string | null;
  readonly locked: boolean;
}

/** An object before it has its id. */
export type Draft = Omit<SegmentedObject, "id">;

/** What objects can be. */
export interface ObjectClass {
  readonly name: string;
  readonly colour: string;
}

export const EMPTY_PROMPT: Prompt = { points: [], box: null, level: null };
/** The colour of an object until it has one of its own. */
export const NO_COLOUR = "#ffffff";
/** What a new object begins with. */
export const NEW = { name: "", colour: NO_COLOUR, visible: true, className: null, locked: false } as const;

/** A request that cannot be carried out: what is wrong, and how to mend it. */
export class PromptError extends Error {
  override name = "PromptError";
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

export function point(x: number, y: number, label: 0 | 1): PointPrompt {
  return [Math.fround(x), Math.fround(y), label];
}

export function boxOf(box: Box): Box {
  const [x0, y0, x1, y1] = box.map(Math.fround) as Box;
  if (!(x0 < x1 && y0 < y1))
    throw new PromptError(`box ${JSON.stringify(box)} has no area`, "give x0 < x1 and y0 < y1");
  return [x0, y0, x1, y1];
}

export function isEmpty({ points, box }: Prompt): boolean {
  return points.length === 0 && box === null;
}

export function samePrompt(a: Prompt, b: Prompt): boolean {
  return JSON.stringify([a.points, a.box, a.level]) === JSON.stringify([b.points, b.box, b.level]);
}

/** Throws PromptError where a point is outside the image, or the box does not overlap it. */
export function checkInside({ points, box }: Prompt, [height, width]: readonly [number, number]): void {
  const size = `the image of ${width} x ${height} pixels`;
  for (const [x, y] of points) {
    if (x >= 0 && x <= width && y >= 0 && y <= height) continue;
    throw new PromptError(
      `point (${x}, ${y}) lies outside ${size}`,
      `give x from 0 to ${width} and y from 0 to ${height}`,
    );
  }
  if (box && (box[2] <= 0 || box[3] <= 0 || box[0] >= width || box[1] >= height)) {
    throw new PromptError(`box ${JSON.stringify(box)} lies outside ${size}`, "give x0, y0, x1, y1 in image pixels");
  }
}

/** The index of the largest number, the first of them. */
export function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}
