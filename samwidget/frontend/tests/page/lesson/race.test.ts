import { describe, expect, it, vi } from "vitest";

import { clicksTo, curvesSvg } from "../../../src/page/lesson/curve.ts";
import { fromRuns } from "../../../src/page/lesson/masks.ts";
import type { LivePhoto } from "../../../src/page/lesson/photo.ts";
import { markMeasures, markPanel } from "../../../src/page/lesson/robot.ts";

// Canvases have no pixels here.
vi.mock("../../../src/page/lesson/figure.ts", async (original) => ({
  ...(await original<object>()),
  drawPrompt: () => {},
  painted: async () => document.createElement("canvas"),
}));

describe("the race", () => {
  it("counts the clicks to a target", () => {
    expect([clicksTo([0.2, 0.9, 0.8], 0.85), clicksTo([0.2], 0.85), clicksTo([], 0.85)]).toEqual([2, 0, 0]);
  });

  it("draws a curve for each racer, and says when each got there", () => {
    const racer = { colour: "#000", is_dashed: false };
    const svg = curvesSvg(
      [
        { name: "you", ious: [0.2, 0.9], is_finished: false, ...racer },
        { name: "the robot", ious: [0.1], is_finished: true, ...racer },
        { name: "a friend", ious: [0.3], is_finished: false, ...racer },
      ],
      0.85,
      3,
    );
    expect(svg.match(/<circle/g)).toHaveLength(2 + 1 + 1 + 3);
    expect(svg).toContain("you: 2 to 0.85");
    expect(svg).toContain("the robot: never to 0.85");
    expect(svg).toContain(">a friend<");
  });

  it("measures how deep in the object a mark is", () => {
    const truth = fromRuns([0, 25], [5, 5]);
    expect(markMeasures(truth, [2, 2])).toMatchObject({ x: 2, y: 2, is_on: 1, depth: 3 });
    expect(markMeasures(truth, [9, 2])).toMatchObject({ is_on: 0, depth: 0 });
  });
});

describe("the mark of a first click", () => {
  it("is moved with the arrow keys, and stays on the photo", () => {
    const photo = { manifest: { truths: { head: [0, 40 * 50] }, photo: { size_hw: [40, 50] } } };
    const rules = [{ when: [], passed: true, text: "({x}, {y})" }];
    const mark = { kind: "mark", task: "Click.", rules, truth: "head" } as const;
    const phrases = { not_done: "Do this first: {task}", again: "" };
    const panel = markPanel(mark, photo as unknown as LivePhoto, phrases, () => {});
    const stage = panel.querySelector(".is-marked") as HTMLElement;
    const press = (key: string, shiftKey = false) =>
      stage.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey }));
    const checked = () => {
      panel.querySelector<HTMLElement>(".is-first")?.click();
      return panel.querySelector(".sw-lesson-result")?.textContent;
    };
    expect(checked()).toBe("Not yet. Do this first: Click.");
    press("Enter");
    expect(checked()).toBe("Not yet. Do this first: Click.");
    press("ArrowLeft");
    press("ArrowDown", true);
    expect(checked()).toBe("Right. (15, 21)");
    for (let i = 0; i < 9; i++) press("ArrowUp");
    expect(checked()).toBe("Right. (15, 0)");
  });
});
