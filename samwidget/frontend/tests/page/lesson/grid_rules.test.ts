import { describe, expect, it } from "vitest";

import grids from "../../../../../tests/shared/grids.json";
import {
  type AskedPoint,
  type CoinSize,
  gridPoints,
  iouOf,
  judgedPoints,
  keptMeasures,
  overlapMeasures,
  type Part,
  reasonOf,
} from "../../../src/page/lesson/grid_rules.ts";
import { areaOf, boxAround, fromRuns } from "../../../src/page/lesson/masks.ts";
import type { Box } from "../../../src/protocol.ts";

const SIZE = grids.size_hw as [number, number];
const COIN = grids.coin as unknown as CoinSize;

const points: AskedPoint[] = grids.points.map(({ x, y, candidates }) => ({
  x,
  y,
  candidates: candidates.map(({ id, score, stability, runs }) => {
    const mask = fromRuns(runs, SIZE);
    const box = boxAround(mask) as Box;
    return { id, score, stability, area: areaOf(mask), box, part: cut(mask.inside, box) };
  }),
}));

/** The part of the photo inside of a box, as the network's worker cuts it. */
function cut(inside: Uint8Array, [x0, y0, x1, y1]: Box): Part {
  const rows = Array.from({ length: y1 - y0 }, (_, row) => [
    ...inside.subarray((y0 + row) * SIZE[1] + x0, (y0 + row) * SIZE[1] + x1),
  ]);
  return { x: x0, y: y0, width: x1 - x0, height: y1 - y0, inside: Uint8Array.from(rows.flat()) };
}

describe("a grid of clicks", () => {
  it("has the points of Python, row by row", () => {
    expect(gridPoints(grids.side, SIZE)).toEqual(grids.points.map(({ x, y }) => [x, y]));
  });

  it.each(grids.replies)("is judged as Python judges it: $settings", (reply) => {
    const judged = judgedPoints(points, reply.settings);
    expect(judged.map(({ fate }) => fate)).toEqual(reply.fates);
    expect(judged.map((point) => reasonOf(point, reply.settings, grids.texts))).toEqual(reply.reasons);
    const objects = judged.flatMap((point) => point.objects);
    expect(objects.map(({ id }) => id)).toEqual(reply.kept);
    expect(keptMeasures(objects, COIN, SIZE[0] * SIZE[1])).toEqual(reply.measures);
    const firsts = grids.points.flatMap(({ candidates }) => candidates.slice(0, 1));
    for (const [index, { runs }] of firsts.entries()) {
      const { overlap, x, y } = overlapMeasures(fromRuns(runs, SIZE), judged);
      const expected = reply.overlaps[index];
      expect(overlap).toBeCloseTo(expected?.overlap as number, 12);
      expect([x, y]).toEqual([expected?.x, expected?.y]);
    }
  });
});

describe("the IoU of two parts", () => {
  it("counts what lies in both", () => {
    const row = (x: number, width: number): Part => ({
      x,
      y: 0,
      width,
      height: 1,
      inside: new Uint8Array(width).fill(1),
    });
    expect(iouOf(row(0, 4), row(2, 4))).toBe(2 / 6);
    expect(iouOf(row(0, 2), row(2, 2))).toBe(0);
    expect(iouOf(row(0, 0), row(0, 0))).toBe(0);
  });
});
