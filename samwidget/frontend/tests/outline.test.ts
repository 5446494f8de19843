import { describe, expect, it } from "vitest";

import {
  cornerAt,
  DETAIL_MAX,
  edgeAt,
  isChanged,
  keepRequest,
  newOutline,
  type Outline,
  selectedCorner,
  shownPolygons,
  withCornerAdded,
  withCornerMoved,
  withoutCorner,
} from "../src/outline.ts";
import type { WeightedCorner } from "../src/protocol.ts";

/** A square of 100 pixels with a bump of 4 on its upper side, and one of 1; and a hole. */
const SQUARE: WeightedCorner[] = [
  [0, 0, 200],
  [40, 0, 1],
  [45, -1, 0.9],
  [50, -4, 4],
  [100, 0, 200],
  [100, 100, 200],
  [0, 100, 60],
];
const HOLE: WeightedCorner[] = [
  [20, 20, 200],
  [60, 20, 200],
  [60, 60, 200],
];
const AT_ONE = { scale: 1, x: 0, y: 0 };

const outlineOf = (detail: number | null = DETAIL_MAX, scale = 1) =>
  newOutline({ object: 3, mask: "m1", polygons: [SQUARE, HOLE] }, detail, scale);
const counts = (outline: Outline) => shownPolygons(outline).map((polygon) => polygon.length);
const positions = (outline: Outline, polygon = 0) => shownPolygons(outline)[polygon]?.map(({ x, y }) => [x, y]);

describe("the detail", () => {
  it("goes from three corners of each polygon to all, and back", () => {
    const whole = outlineOf();
    expect(counts(whole)).toEqual([7, 3]);
    const all = Array.from({ length: DETAIL_MAX + 1 }, (_, detail) => counts({ ...whole, detail })[0] as number);
    expect(all).toEqual(all.toSorted((a, b) => a - b));
    expect(all[0]).toBe(4);
    expect(counts({ ...whole, detail: 0 })).toEqual([4, 3]);
    expect({ ...{ ...whole, detail: 0 }, detail: DETAIL_MAX }).toEqual(whole);
  });

  it("is at first as fine as one sees: finer where the photo is larger on the screen", () => {
    const [far, near] = [outlineOf(null, 0.3), outlineOf(null, 3)];
    expect(far.detail).toBeLessThan(near.detail);
    expect(counts(far)[0]).toBeLessThan(counts(near)[0] as number);
    expect(isChanged(far)).toBe(false);
  });

  it("changes the mask, but not where it is full", () => {
    const far = outlineOf(null, 0.3);
    expect(isChanged({ ...far, detail: 0 })).toBe(true);
    expect(isChanged({ ...far, detail: DETAIL_MAX })).toBe(false);
    expect(isChanged({ ...far, detail: far.detail })).toBe(false);
  });

  it("is known for an object of one pixel, too", () => {
    const dot: WeightedCorner[] = [
      [0.5, 0, 9],
      [1, 0.5, 9],
      [0.5, 1, 9],
    ];
    expect(counts(newOutline({ object: 1, mask: "m1", polygons: [dot] }, null, 1))).toEqual([3]);
    expect(counts(newOutline({ object: 1, mask: "m1", polygons: [] }, null, 1))).toEqual([]);
  });
});

describe("an edit", () => {
  const coarse = { ...outlineOf(), detail: 0 };

  it("moves a corner, and what was left out beside it goes", () => {
    const moved = withCornerMoved(coarse, { polygon: 0, corner: 4 }, { x: 150, y: 10 });
    expect(positions(moved)).toEqual([
      [100, 100],
      [0, 100],
      [0, 0],
      [150, 10],
    ]);
    expect(counts({ ...moved, detail: DETAIL_MAX })).toEqual([4, 3]);
    expect(selectedCorner(moved)).toMatchObject({ x: 150, y: 10 });
    expect(moved.before).toBe(coarse);
    expect(isChanged(moved)).toBe(true);
  });

  it("leaves the other edges as they were, in every detail", () => {
    const moved = withCornerMoved(coarse, { polygon: 0, corner: 5 }, { x: 150, y: 150 });
    expect(counts({ ...moved, detail: DETAIL_MAX })).toEqual([7, 3]);
    expect(shownPolygons(moved)[1]).toEqual(shownPolygons(coarse)[1]);
  });

  it("adds a corner that stays in every detail", () => {
    const edge = edgeAt(coarse, AT_ONE, { x: 30, y: 3 }, 6);
    expect(edge).toEqual({ polygon: 0, from: 0, to: 4, at: { x: 30, y: 0 } });
    const added = edge && withCornerAdded(coarse, edge);
    expect(added && counts(added)).toEqual([5, 3]);
    expect(added && selectedCorner(added)).toMatchObject({ x: 30, y: 0 });
  });

  it("removes a corner; of a polygon of three all, and never the last polygon", () => {
    const three = withoutCorner(coarse, { polygon: 0, corner: 0 });
    expect(counts(three)).toEqual([3, 3]);
    const one = withoutCorner(three, { polygon: 1, corner: 0 });
    expect(counts(one)).toEqual([3]);
    expect(withoutCorner(one, { polygon: 0, corner: 0 })).toBe(one);
  });
});

describe("what is at a position", () => {
  it("is the nearest corner within reach, of those that are shown", () => {
    const coarse = { ...outlineOf(), detail: 0 };
    expect(cornerAt(outlineOf(), AT_ONE, { x: 46, y: 0 }, 9)).toEqual({ polygon: 0, corner: 2 });
    expect(cornerAt(coarse, AT_ONE, { x: 46, y: 0 }, 9)).toBeNull();
    expect(cornerAt(coarse, { scale: 2, x: 10, y: 10 }, { x: 49, y: 51 }, 9)).toEqual({ polygon: 1, corner: 0 });
  });

  it("is else the nearest edge, also that from the last corner to the first", () => {
    expect(edgeAt(outlineOf(), AT_ONE, { x: -3, y: 50 }, 6)).toEqual({
      polygon: 0,
      from: 6,
      to: 0,
      at: { x: 0, y: 50 },
    });
    expect(edgeAt(outlineOf(), AT_ONE, { x: 80, y: 50 }, 6)).toBeNull();
  });
});

it("is kept as the corners that are shown", () => {
  expect(keepRequest({ ...outlineOf(), detail: 0 })).toEqual({
    kind: "set_polygons",
    object: 3,
    polygons: [
      [
        [0, 0],
        [100, 0],
        [100, 100],
        [0, 100],
      ],
      [
        [20, 20],
        [60, 20],
        [60, 60],
      ],
    ],
  });
});
