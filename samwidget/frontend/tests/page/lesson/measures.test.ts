import { describe, expect, it } from "vitest";

import { areaOf, boxAround, compare, depthOf, fromRuns, fullMask, isOn } from "../../../src/page/lesson/masks.ts";
import { measuresOf } from "../../../src/page/lesson/measures.ts";
import { filled, judged, type Rule } from "../../../src/page/lesson/rules.ts";
import type { PointPrompt } from "../../../src/protocol.ts";
import { DISC_FRAME, DiscNetwork } from "../disc_network.ts";

// 4 x 3 pixels; the mask has the middle two of the second row.
const MASK = fromRuns([5, 2, 5], [3, 4]);

describe("masks", () => {
  it("come from runs", () => {
    expect([...MASK.inside]).toEqual([0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
    expect([...fromRuns([0, 2], [1, 2]).inside]).toEqual([1, 1]);
  });

  it("are compared with the truth", () => {
    const other = fromRuns([6, 2, 4], [3, 4]);
    expect(compare(other, MASK)).toEqual({ iou: 1 / 3, excess: 1, missing: 1 });
    expect(compare(MASK, MASK).iou).toBe(1);
    expect(compare(fromRuns([12], [3, 4]), fromRuns([12], [3, 4])).iou).toBe(0);
  });

  it("know what is on them, around them and inside", () => {
    expect(boxAround(MASK)).toEqual([1, 1, 3, 2]);
    expect(boxAround(fromRuns([12], [3, 4]))).toBeNull();
    expect([isOn(MASK, 1.9, 1), isOn(MASK, 3, 1), isOn(MASK, -1, 1), isOn(MASK, 1, 9)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(depthOf(MASK, 1, 1)).toBe(1);
    expect(depthOf(fromRuns([0, 12], [3, 4]), 1, 1)).toBe(2);
  });
});

describe("the measures of an object", () => {
  const network = new DiscNetwork();
  const measured = async (points: PointPrompt[], box: [number, number, number, number] | null = null) => {
    const masks = await network.predict({ points, box, level: null });
    const summary = { points, prompt_box: box, level: 1, levels: { chosen: null, refined: null } };
    const truth = fullMask(masks.logits[1] as Float32Array, DISC_FRAME, 0);
    const other = fullMask(masks.logits[2] as Float32Array, DISC_FRAME, 0);
    return measuresOf([summary as never], () => masks, { same: truth, larger: other }, 0, 1);
  };

  it("count clicks and compare with each truth", async () => {
    const measures = await measured([
      [60, 50, 1],
      [120, 90, 0],
    ]);
    expect(measures).toMatchObject({ objects: 1, clicks: 2, s: "s", excludes: 1, box: 0, candidate: 2 });
    expect(measures).toMatchObject({ iou_same: 1, includes_on_same: 1, excludes_on_same: 0, best_candidate_larger: 3 });
    expect(measures.iou_larger).toBeLessThan(0.6);
    expect(Number(measures.missing_larger)).toBeGreaterThan(0);
    expect(measures.excess_larger).toBe(0);
  });

  it("have the IoU after each click", async () => {
    const points: PointPrompt[] = [
      [60, 50, 1],
      [90, 50, 1],
    ];
    const [before, after] = await Promise.all(
      [points.slice(0, 1), points].map((clicks) => network.predict({ points: clicks, box: null, level: null })),
    );
    const truth = fullMask(before?.logits[1] as Float32Array, DISC_FRAME, 0);
    const summary = { points, prompt_box: null, level: 1 };
    const masksFor = (clicks: PointPrompt[]) => (clicks.length === 1 ? (before ?? null) : null);
    const { ious_disc } = measuresOf([summary as never], () => after ?? null, { disc: truth }, 0, 1, masksFor);
    expect(ious_disc).toEqual([1, expect.closeTo(0.5, 1)]);
  });

  it("name the side of a box that is farthest off", async () => {
    const truth = fromRuns([60 * 128 + 40, 20, 128 * 96 - 60 * 128 - 60], [96, 128]);
    const masks = await network.predict({ points: [[60, 50, 1]], box: null, level: null });
    const summary = { points: [], prompt_box: [40, 60, 70, 61], level: 1 };
    const measures = measuresOf([summary as never], () => masks, { line: truth }, 0, 1);
    expect(measures).toMatchObject({
      box: 1,
      off_side_line: "right",
      outward_line: 10,
      inward_line: -10,
      off_share_line: 0.5,
    });
  });

  it("say how sure the border of each object is", async () => {
    const masks = await network.predict({ points: [[60, 50, 1]], box: null, level: null });
    const [first, second] = [0, 2].map((level) => ({ points: [[60, 50, 1]], prompt_box: null, level }));
    const { most, least, state } = measuresOf([first, second] as never, () => masks, {}, 0, 1);
    const areas = (level: number) =>
      [1, -1].map((at) => areaOf(fullMask(masks.logits[level] as Float32Array, DISC_FRAME, at))) as [number, number];
    const [small, large] = [0, 2].map(areas).map(([high, low]) => high / low) as [number, number];
    expect([least, most]).toEqual([
      expect.closeTo(Math.min(small, large), 5),
      expect.closeTo(Math.max(small, large), 5),
    ]);
    expect(state).toBe(
      `Object 1 has a stability of ${small.toFixed(2)}. Object 2 has a stability of ${large.toFixed(2)}.`,
    );
  });

  it("are none where nothing was predicted", () => {
    expect(measuresOf([], () => null, {}, 0, 1)).toEqual({ objects: 0 });
  });
});

describe("rules", () => {
  const rules: Rule[] = [
    { when: ["clicks > 1", "iou < limit"], passed: false, text: "{clicks} click{s}: IoU {iou:.2f}." },
    { when: ["iou >= 0.9"], passed: true, text: "Done, {iou:.0f}." },
  ];

  it("give the first result whose conditions hold", () => {
    expect(judged(rules, { clicks: 2, iou: 0.456, limit: 0.5, s: "s" })).toEqual({
      passed: false,
      message: "2 clicks: IoU 0.46.",
    });
    expect(judged(rules, { clicks: 1, iou: 0.95, limit: 0.5, s: "" })).toEqual({ passed: true, message: "Done, 1." });
    expect(judged(rules, { clicks: 1, iou: 0.5, limit: 0.5 })).toBeNull();
  });

  it("name a measure that is missing", () => {
    expect(() => filled("{iou}", {})).toThrow("iou");
    expect(() => judged(rules, { clicks: 2 })).toThrow("iou");
  });
});
