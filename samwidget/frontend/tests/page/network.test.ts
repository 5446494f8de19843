// What the page's network does around its graphs: which tensors they get, and what becomes of their logits.

import { describe, expect, it } from "vitest";

import { type DecoderInput, NanoNetwork, previousPrompt } from "../../src/page/network.ts";
import { cleanMask } from "../../src/page/regions.ts";
import { EMPTY_PROMPT, type Prompt, point } from "../../src/page/values.ts";
import type { Frame } from "../../src/protocol.ts";

const FRAME: Frame = { image_hw: [20, 40], input_hw: [32, 64], content_hw: [10, 20], logits_hw: [16, 32] };

function clicks(...places: [number, number, 0 | 1][]): Prompt {
  return { ...EMPTY_PROMPT, points: places.map(([x, y, label]) => point(x, y, label)) };
}

class Graphs {
  readonly inputs: DecoderInput[] = [];
  async decode(input: DecoderInput) {
    this.inputs.push(input);
    const logits = [1, 2, 3, 4].map((value) => new Float32Array(16 * 32).fill(-value));
    return { logits, scores: [0.1, 0.2, 0.9, 0.3] };
  }
}

describe("the network of a page", () => {
  it("asks in pixels of the input, and again only for another prompt", async () => {
    const graphs = new Graphs();
    const network = new NanoNetwork(FRAME, graphs);
    const masks = await network.predict(clicks([8, 4, 1]));
    expect(await network.predict(clicks([8, 4, 1]))).toBe(masks);
    expect(graphs.inputs).toEqual([
      { points: Float32Array.of(4, 2), labels: Float32Array.of(1), box: null, mask: null },
    ]);
    expect(masks.scores).toEqual([0.2, 0.9, 0.3]);
  });

  it("contains an included click, with a box alone none", async () => {
    const graphs = new Graphs();
    const network = new NanoNetwork(FRAME, graphs);
    const { logits } = await network.predict(clicks([8, 4, 1]));
    expect(Math.max(...(logits[0] as Float32Array))).toBe(0.5);
    await network.predict({ ...EMPTY_PROMPT, box: [2, 2, 10, 12] });
    expect(graphs.inputs[1]).toEqual({
      points: Float32Array.of(0, 0),
      labels: Float32Array.of(-1),
      box: Float32Array.of(1, 1, 5, 6),
      mask: null,
    });
  });

  it("reads a later click with the mask before it, which it remembers", async () => {
    const graphs = new Graphs();
    const network = new NanoNetwork(FRAME, graphs);
    await network.predict(clicks([8, 4, 1]));
    await network.predict(clicks([8, 4, 1], [20, 10, 0]));
    expect(graphs.inputs).toHaveLength(2);
    // The candidate with the best score.
    expect(graphs.inputs[1]?.mask?.[0]).toBe(-3);
    await new NanoNetwork(FRAME, graphs).predict(clicks([8, 4, 1], [20, 10, 0]));
    expect(graphs.inputs).toHaveLength(4);
  });

  it("refuses what lies outside the image", async () => {
    const network = new NanoNetwork(FRAME, new Graphs());
    await expect(network.predict(clicks([41, 4, 1]))).rejects.toThrow("outside the image of 40 x 20");
    await expect(network.predict({ ...EMPTY_PROMPT, box: [50, 2, 60, 12] })).rejects.toThrow("outside");
  });

  it("has no mask before the first include click", () => {
    expect(previousPrompt(clicks([1, 1, 1]))).toBeNull();
    expect(previousPrompt(clicks([1, 1, 0], [2, 2, 1]))).toBeNull();
    expect(previousPrompt(clicks([1, 1, 1], [2, 2, 0]))?.points).toHaveLength(1);
    expect(previousPrompt({ ...clicks([1, 1, 0]), box: [0, 0, 4, 4] })?.points).toHaveLength(0);
  });
});

describe("a mask", () => {
  it("loses islands without a click, and small holes of which the network is not sure", () => {
    const [h, w] = FRAME.logits_hw;
    const logits = new Float32Array(h * w).fill(-3);
    const fill = (x0: number, y0: number, x1: number, y1: number, value: number) => {
      for (let y = y0; y < y1; y++) logits.fill(value, y * w + x0, y * w + x1);
    };
    fill(1, 1, 9, 8, 2); // the object
    fill(4, 4, 5, 5, -0.9); // a hole
    fill(6, 5, 8, 6, -0.9); // a hole of which the network is sure
    logits[5 * w + 7] = -1;
    fill(20, 10, 24, 14, 2); // an island
    const perLogit = 40 / (20 * (32 / 64));
    cleanMask(logits, clicks([3 * perLogit, 3 * perLogit, 1]), FRAME);
    expect(logits[4 * w + 4]).toBeCloseTo(0.9);
    expect([...logits.slice(5 * w + 5, 5 * w + 9)].map(Math.sign)).toEqual([1, -1, -1, 1]);
    expect(logits[12 * w + 22]).toBe(-2);
    expect(logits[2 * w + 2]).toBe(2);
  });
});
