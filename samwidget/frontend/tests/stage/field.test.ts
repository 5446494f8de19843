import { describe, expect, it } from "vitest";

import type { Ring } from "../../src/contour.ts";
import { around, DistanceField, NO_AREA } from "../../src/stage/field.ts";

/** What is inside, a line of text for each row. */
function inside(field: DistanceField): string[] {
  return Array.from({ length: field.height }, (_, y) =>
    [...field.values.subarray(y * field.width, (y + 1) * field.width)].map((value) => (value > 0 ? "#" : ".")).join(""),
  );
}

const square = (x0: number, y0: number, x1: number, y1: number): Ring => [
  [x0, y0],
  [x1, y0],
  [x1, y1],
  [x0, y1],
];

const distance = (field: DistanceField, x: number, y: number) =>
  (field.values[y * field.width + x] ?? Number.NaN) / field.perPixel;

describe("a field", () => {
  it("is empty at first", () => {
    expect(inside(new DistanceField(3, 1, 2))).toEqual(["..."]);
  });

  it("gets a disc of one point, and a line with round ends of two", () => {
    const field = new DistanceField(9, 5, 2);
    field.stroke([{ x: 2.5, y: 2.5 }], 1.2, false);
    expect(inside(field)).toEqual([".........", "..#......", ".###.....", "..#......", "........."]);
    field.stroke(
      [
        { x: 2.5, y: 2.5 },
        { x: 6.5, y: 2.5 },
      ],
      1.2,
      false,
    );
    expect(inside(field)).toEqual([".........", "..#####..", ".#######.", "..#####..", "........."]);
  });

  it("holds the distance from the outline near it, and no more than its reach", () => {
    const field = new DistanceField(21, 1, 3);
    field.stroke([{ x: 10.5, y: 0.5 }], 5, false);
    const row = [10, 13, 14, 15, 16, 17, 20].map((x) => distance(field, x, 0));
    for (const [i, expected] of [3, 2, 1, 0, -1, -2, -3].entries()) expect(row[i]).toBeCloseTo(expected, 1);
  });

  it("draws the same in parts as at once", () => {
    const line = [0, 1, 2, 3, 4, 5].map((i) => ({ x: 3 + 4 * i, y: 6 + 3 * Math.sin(i) }));
    const [parts, once] = [new DistanceField(30, 14, 3), new DistanceField(30, 14, 3)];
    once.stroke(line, 2.5, false);
    parts.stroke(line.slice(0, 3), 2.5, false);
    parts.stroke(line.slice(0, 4), 2.5, false, 3);
    parts.stroke(line.slice(3), 2.5, false, 1);
    expect([...parts.values]).toEqual([...once.values]);
  });

  it("fills rings by the even-odd rule: a ring inside another one is a hole", () => {
    const field = new DistanceField(8, 6, 2);
    field.fill([square(1, 1, 7, 5), square(3, 2, 5, 4)], false);
    expect(inside(field)).toEqual(["........", ".######.", ".##..##.", ".##..##.", ".######.", "........"]);
  });

  it("erases what was painted, and paints what was erased", () => {
    const field = new DistanceField(8, 3, 2);
    field.fill([square(0, 0, 8, 3)], false);
    field.fill([square(2, 0, 6, 3)], true);
    expect(inside(field)[1]).toBe("##....##");
    field.stroke([{ x: 4, y: 1.5 }], 1, false);
    expect(inside(field)[1]).toBe("##.##.##");
    expect(distance(field, 2, 1)).toBeCloseTo(-0.5, 1);
  });

  it("says which area has changed, and none beyond its own borders", () => {
    const field = new DistanceField(100, 100, 2);
    const area = field.stroke([{ x: 50, y: 40 }], 5, false);
    expect(area).toEqual({ x0: 43, y0: 33, x1: 57, y1: 47 });
    expect(field.stroke([{ x: -50, y: -50 }], 5, false)).toEqual(NO_AREA);
    expect(field.fill([], false)).toEqual(NO_AREA);
    expect(field.fill([square(-9, -9, 300, 300)], false)).toEqual({ x0: 0, y0: 0, x1: 100, y1: 100 });
  });
});

describe("areas", () => {
  it("are put together, and an empty one adds nothing", () => {
    const area = { x0: 1, y0: 2, x1: 3, y1: 4 };
    expect(around(area, NO_AREA)).toBe(area);
    expect(around(NO_AREA, area)).toBe(area);
    expect(around(area, { x0: 0, y0: 3, x1: 2, y1: 9 })).toEqual({ x0: 0, y0: 2, x1: 3, y1: 9 });
  });
});
