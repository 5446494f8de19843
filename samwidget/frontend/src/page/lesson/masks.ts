// Masks as one byte for each pixel of the photo, and what is measured of them: pure functions.

import type { Frame } from "../../protocol.ts";
import { maskAbove } from "../upsample.ts";

export interface FullMask {
  width: number;
  height: number;
  /** 1 inside, row by row. */
  inside: Uint8Array;
}

export interface Comparison {
  iou: number;
  /** Pixels of the mask that are not in the truth. */
  excess: number;
  /** Pixels of the truth that are not in the mask. */
  missing: number;
}

/** The mask whose runs outside and inside take turns, row by row, the first one outside. */
export function fromRuns(runs: readonly number[], [height, width]: readonly [number, number]): FullMask {
  const inside = new Uint8Array(width * height);
  let at = 0;
  for (const [index, length] of runs.entries()) {
    if (index % 2 === 1) inside.fill(1, at, at + length);
    at += length;
  }
  return { width, height, inside };
}

/** The pixels of the photo whose logit is above a threshold. */
export function fullMask(logits: Float32Array, frame: Frame, threshold: number): FullMask {
  const [height, width] = frame.image_hw;
  const part = maskAbove(logits, frame, threshold);
  const inside = new Uint8Array(width * height);
  for (let row = 0; row < part.height; row++) {
    const from = row * part.width;
    inside.set(part.inside.subarray(from, from + part.width), (part.y + row) * width + part.x);
  }
  return { width, height, inside };
}

export function compare(mask: FullMask, truth: FullMask): Comparison {
  let [both, excess, missing] = [0, 0, 0];
  for (let at = 0; at < truth.inside.length; at++) {
    if (mask.inside[at]) truth.inside[at] ? both++ : excess++;
    else if (truth.inside[at]) missing++;
  }
  const union = both + excess + missing;
  return { iou: union === 0 ? 0 : both / union, excess, missing };
}

export function areaOf({ inside }: Pick<FullMask, "inside">): number {
  let area = 0;
  for (const value of inside) area += value;
  return area;
}

export function isOn({ width, height, inside }: FullMask, x: number, y: number): boolean {
  const [column, row] = [Math.trunc(x), Math.trunc(y)];
  return column >= 0 && row >= 0 && column < width && row < height && inside[row * width + column] === 1;
}

/** x0, y0, x1, y1 around a mask, the maximum exclusive; null where it is empty. */
export function boxAround({ width, height, inside }: FullMask): [number, number, number, number] | null {
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      if (!inside[at]) continue;
      x0 = Math.min(x0, column);
      x1 = Math.max(x1, column + 1);
      y0 = Math.min(y0, row);
      y1 = row + 1;
    }
  }
  return x1 === 0 ? null : [x0, y0, x1, y1];
}

/** The distance in pixels from a pixel to the nearest one outside of the mask or the image. */
export function depthOf({ width, height, inside }: FullMask, x: number, y: number): number {
  let nearest = Math.min(x + 1, y + 1, width - x, height - y) ** 2;
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      if (!inside[at]) nearest = Math.min(nearest, (row - y) ** 2 + (column - x) ** 2);
    }
  }
  return Math.sqrt(nearest);
}
