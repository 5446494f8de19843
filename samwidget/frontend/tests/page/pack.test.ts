// Masks as bytes: what the view reads, and how they are named.

import { unzlibSync } from "fflate";
import { describe, expect, it } from "vitest";

import { pack } from "../../src/page/pack.ts";
import type { Frame } from "../../src/protocol.ts";

const FRAME: Frame = { image_hw: [24, 24], input_hw: [24, 24], content_hw: [24, 24], logits_hw: [12, 12] };

/** Logits of 6 in a square of 5 x 5, -6 around it: beyond the slider's range, within that of a byte. */
function square(left: number): Float32Array {
  const logits = new Float32Array(144).fill(-6);
  for (let row = 3; row < 8; row++) logits.fill(6, row * 12 + left, row * 12 + left + 5);
  return logits;
}

describe("a packed mask", () => {
  it("has the window around all that the slider can show, and is flat where no outline can be", () => {
    const { header, bytes } = pack(square(4), FRAME);
    expect(header.window).toEqual([3, 2, 7, 7]);
    const values = unzlibSync(bytes);
    const row = (index: number) => [...values.slice(index * 7, index * 7 + 7)];
    const [low, high] = [127 - 6 * 16, 127 + 6 * 16];
    expect(row(0)).toEqual([low, low, low, low, low, low, low]);
    expect(row(1)).toEqual([low, high, high, high, high, high, low]);
    expect(row(3)).toEqual([low, high, 255, 255, 255, high, low]);
  });

  it("is flat up to the border of the logits", () => {
    const { header, bytes } = pack(square(0), FRAME);
    const [x, y, width] = header.window;
    expect([x, y, width]).toEqual([0, 2, 6]);
    expect([...unzlibSync(bytes).slice(2 * width, 3 * width)]).toEqual([255, 255, 255, 255, 223, 31]);
  });

  it("keeps steps of a sixteenth beside the outline", () => {
    const logits = new Float32Array(144).fill(-20);
    logits.fill(0.5, 4 * 12 + 2, 4 * 12 + 10);
    logits.fill(5, 5 * 12 + 2, 5 * 12 + 10);
    const { header, bytes } = pack(logits, FRAME);
    const [, , width] = header.window;
    const values = unzlibSync(bytes);
    expect([values[1 * width + 3], values[2 * width + 3]]).toEqual([127 + 8, 127 + 80]);
  });

  it("has the same name for the same bytes alone", () => {
    const name = (logits: Float32Array) => pack(logits, FRAME).header.mask;
    expect(name(square(4))).toBe(name(square(4)));
    const changed = square(4);
    changed[5 * 12 + 6] = 0;
    expect(new Set([name(square(4)), name(square(3)), name(changed), name(new Float32Array(144).fill(-20))]).size).toBe(
      4,
    );
  });

  it("is empty where no threshold shows anything", () => {
    const { header, bytes } = pack(new Float32Array(144).fill(-20), FRAME);
    expect(header.window).toEqual([0, 0, 0, 0]);
    expect(bytes).toHaveLength(0);
  });
});
