import { describe, expect, it } from "vitest";

import fixture from "../../../tests/shared/contours.json";
import { type MaskBytes, outline, type Ring } from "../src/contour.ts";
import type { Frame } from "../src/protocol.ts";

interface Case {
  name: string;
  width: number;
  height: number;
  scale: number;
  threshold: number;
  bytes: number[];
  rings: number;
  area: number;
}

/** Rings of holes turn the other way, so the signed areas add up to that of the even-odd region. */
function area(rings: Ring[]): number {
  let sum = 0;
  for (const ring of rings) {
    for (const [i, [x, y]] of ring.entries()) {
      const [nextX, nextY] = ring[(i + 1) % ring.length] ?? [x, y];
      sum += (x * nextY - nextX * y) / 2;
    }
  }
  return Math.abs(sum);
}

function square(width: number, height: number): Frame {
  return {
    image_hw: [height, width],
    input_hw: [height, width],
    content_hw: [height, width],
    logits_hw: [height, width],
  };
}

describe("outline", () => {
  it.each((fixture as unknown as { cases: Case[] }).cases)("agrees with the kernel on $name", (example) => {
    const mask: MaskBytes = {
      frame: square(example.width, example.height),
      window: [0, 0, example.width, example.height],
      scale: example.scale,
      bytes: new Uint8Array(example.bytes),
    };
    const rings = outline(mask, example.threshold);
    expect(rings.length).toBe(example.rings);
    expect(area(rings)).toBeCloseTo(example.area, 3);
  });

  it("puts a window where the frame says, in image pixels", () => {
    // 1200 x 600 image in a 512 input (content 512 x 256) with 128 logits: 9.375 image pixels for each logit.
    const frame: Frame = { image_hw: [600, 1200], input_hw: [512, 512], content_hw: [256, 512], logits_hw: [128, 128] };
    const bytes = new Uint8Array([100, 100, 100, 100, 155, 100, 100, 100, 100]);
    const [ring] = outline({ frame, window: [40, 20, 3, 3], scale: 16, bytes }, 0);
    const xs = ring?.map(([x]) => x) ?? [];
    const ys = ring?.map(([, y]) => y) ?? [];
    expect((Math.min(...xs) + Math.max(...xs)) / 2).toBeCloseTo(41.5 * 9.375);
    expect((Math.min(...ys) + Math.max(...ys)) / 2).toBeCloseTo(21.5 * 9.375);
  });

  it("ends at the image's edge where the network pads", () => {
    const frame: Frame = { image_hw: [2, 4], input_hw: [4, 4], content_hw: [2, 4], logits_hw: [4, 4] };
    const rings = outline({ frame, window: [0, 0, 4, 4], scale: 1, bytes: new Uint8Array(16).fill(200) }, 0);
    expect(area(rings)).toBeCloseTo(8);
  });

  it("shrinks as the threshold rises", () => {
    const bytes = new Uint8Array([0, 60, 0, 60, 255, 60, 0, 60, 0]);
    const mask: MaskBytes = { frame: square(3, 3), window: [0, 0, 3, 3], scale: 16, bytes };
    const areas = [-4, -2, 0, 2, 4].map((threshold) => area(outline(mask, threshold)));
    expect(areas).toEqual(areas.toSorted((a, b) => b - a));
  });

  it("is empty for an empty window", () => {
    expect(outline({ frame: square(3, 3), window: [0, 0, 0, 0], scale: 1, bytes: new Uint8Array() }, 0)).toEqual([]);
  });
});
