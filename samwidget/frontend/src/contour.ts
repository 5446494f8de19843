// Mask bytes to outlines, as samwidget/core/contour.py makes them too. A byte stands for the logit (b - 127.5) / scale; the
// outline runs where the interpolated logit crosses the threshold, in image pixels, and ends at the image's edge.

import { contours } from "d3-contour";

import type { Frame, MaskHeader } from "./protocol.ts";

/** A closed line; the first point is not repeated. */
export type Ring = [x: number, y: number][];

/** The logits of one mask, as bytes, and their window in the low-res logits. */
export interface MaskBytes {
  frame: Frame;
  window: MaskHeader["window"];
  scale: number;
  bytes: Uint8Array;
}

/** Rings of the mask above `threshold`, outer rings and holes alike: fill them by the even-odd rule. */
export function outline(mask: MaskBytes, threshold: number): Ring[] {
  const [x, y, width, height] = mask.window;
  if (width === 0 || height === 0) return [];
  const [imageHeight, imageWidth] = mask.frame.image_hw;
  const [perLogitX, perLogitY] = imagePerLogit(mask.frame);
  const grid = padded(mask);
  const level = threshold * mask.scale + 127.5;
  const shape = contours().size([grid.width, grid.height]).contour(grid.values, level);

  const rings: Ring[] = [];
  for (const polygon of shape.coordinates) {
    for (const closed of polygon) {
      const ring: Ring = [];
      for (let i = 0; i < closed.length - 1; i++) {
        const point = closed[i] as [number, number];
        ring.push([(point[0] - grid.left + x) * perLogitX, (point[1] - grid.top + y) * perLogitY]);
      }
      const clipped = clip(ring, imageWidth, imageHeight);
      if (clipped.length > 2) rings.push(clipped);
    }
  }
  return rings;
}

export function toPath(rings: readonly Ring[]): Path2D {
  const path = new Path2D();
  for (const ring of rings) {
    for (const [i, [x, y]] of ring.entries()) {
      if (i === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    }
    path.closePath();
  }
  return path;
}

/** Image pixels for one step in the low-res logits, along x and y. */
export function imagePerLogit(frame: Frame): [number, number] {
  return [
    ((frame.input_hw[1] / frame.logits_hw[1]) * frame.image_hw[1]) / frame.content_hw[1],
    ((frame.input_hw[0] / frame.logits_hw[0]) * frame.image_hw[0]) / frame.content_hw[0],
  ];
}

/**
 * The window with its border repeated once where it meets the border of the logits. Marching squares closes a ring half
 * a cell before the last value, with cut corners; one value more moves that beyond the image, where it is clipped.
 */
function padded(mask: MaskBytes): { values: number[]; width: number; height: number; left: number; top: number } {
  const [x, y, width, height] = mask.window;
  const [logitsHeight, logitsWidth] = mask.frame.logits_hw;
  const left = x === 0 ? 1 : 0;
  const top = y === 0 ? 1 : 0;
  const right = x + width === logitsWidth ? 1 : 0;
  const bottom = y + height === logitsHeight ? 1 : 0;
  const values: number[] = [];
  for (let row = -top; row < height + bottom; row++) {
    const start = Math.min(height - 1, Math.max(0, row)) * width;
    for (let column = -left; column < width + right; column++) {
      values.push(mask.bytes[start + Math.min(width - 1, Math.max(0, column))] ?? 0);
    }
  }
  return { values, width: left + width + right, height: top + height + bottom, left, top };
}

/** The part of a ring inside the image (Sutherland and Hodgman, 1974: one edge of the image after the other). */
function clip(ring: Ring, width: number, height: number): Ring {
  let rest = ring;
  for (const [axis, limit, sign] of [
    [0, 0, 1],
    [0, width, -1],
    [1, 0, 1],
    [1, height, -1],
  ] as const) {
    if (rest.every((point) => (point[axis] - limit) * sign >= 0)) continue;
    const inside: Ring = [];
    let before = rest[rest.length - 1];
    for (const point of rest) {
      if (before === undefined) break;
      const isIn = (point[axis] - limit) * sign >= 0;
      const wasIn = (before[axis] - limit) * sign >= 0;
      if (isIn !== wasIn) {
        const t = (limit - before[axis]) / (point[axis] - before[axis]);
        const crossing: Ring[number] = [before[0] + t * (point[0] - before[0]), before[1] + t * (point[1] - before[1])];
        crossing[axis] = limit;
        inside.push(crossing);
      }
      if (isIn) inside.push(point);
      before = point;
    }
    rest = inside;
  }
  return rest;
}
