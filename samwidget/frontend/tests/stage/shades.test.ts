import { describe, expect, it } from "vitest";

import { DistanceField } from "../../src/stage/field.ts";
import { shaded, shadesOf } from "../../src/stage/shades.ts";

const SHADING = { colour: "#804020", opacity: 0.5, edge_px: 4, line_px: 2, edgeAlpha: 0.4 };
const PER_PIXEL = 20;
const shades = shadesOf(SHADING, PER_PIXEL, 1);
/** The colour of a pixel this far inside the outline. */
const at = (distance: number) => [...shades.subarray(4 * (128 + distance * PER_PIXEL)).subarray(0, 4)];

describe("shades", () => {
  it("are nothing outside, and the object's colour inside", () => {
    expect(at(-4)[3]).toBe(0);
    expect(at(4)).toEqual([0x80, 0x40, 0x20, 128]);
  });

  it("are a white line on the outline with a dark edge on both sides", () => {
    expect(at(0)).toEqual([255, 255, 255, 255]);
    expect(at(-1.5)).toEqual([0, 0, 0, 102]);
    const [red, , , alpha] = at(1.5);
    expect(red).toBeLessThan(0x80);
    expect(alpha).toBeCloseTo(255 * (1 - 0.5 * 0.6), -1);
  });

  it("are as wide in CSS pixels where there are more device pixels", () => {
    const fine = shadesOf(SHADING, PER_PIXEL, 2);
    const alpha = (distance: number) => fine[4 * (128 + distance * PER_PIXEL) + 3];
    expect([alpha(-1), alpha(-3), alpha(-5)]).toEqual([255, 102, 0]);
  });

  it("become the pixels of an area, row by row", () => {
    const field = new DistanceField(4, 2, 127 / PER_PIXEL);
    field.stroke([{ x: 2.5, y: 1.5 }], 6, false);
    const pixels = shaded(field, { x0: 2, y0: 0, x1: 4, y1: 2 }, shades);
    expect(pixels.length).toBe(4 * 4);
    expect([...pixels.subarray(8, 12)]).toEqual([0x80, 0x40, 0x20, 128]);
  });
});
