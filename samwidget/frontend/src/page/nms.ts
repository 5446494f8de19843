// Non-maximum suppression: which masks stay where several cover the same pixels, as in samwidget/predict/everything/nms.py.

import type { Box } from "../protocol.ts";

export interface Ranked {
  id: number;
  score: number;
  /** x0, y0, x1, y1 in image pixels, the maximum exclusive. */
  box: Box;
}

/** The masks whose box overlaps that of no better one by an IoU above `iouMax`; the best first. */
export function notSuppressed<T extends Ranked>(masks: readonly T[], iouMax: number): T[] {
  // In float32, as the reference compares.
  const most = Math.fround(iouMax);
  const best: T[] = [];
  for (const mask of [...masks].sort((a, b) => b.score - a.score || a.id - b.id)) {
    if (best.every(({ box }) => !(boxIou(box, mask.box) > most))) best.push(mask);
  }
  return best;
}

/** IoU of two boxes, measured from the first to the last pixel, as the reference does; NaN where neither has an area. */
export function boxIou(a: Box, b: Box): number {
  const side = (low: number, high: number) => Math.max(high - 1 - low, 0);
  const overlap = side(Math.max(a[0], b[0]), Math.min(a[2], b[2])) * side(Math.max(a[1], b[1]), Math.min(a[3], b[3]));
  const [areaA, areaB] = [a, b].map(([x0, y0, x1, y1]) => side(x0, x1) * side(y0, y1)) as [number, number];
  return Math.fround(overlap / (areaA + areaB - overlap));
}
