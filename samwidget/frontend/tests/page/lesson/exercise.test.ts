import { beforeEach, describe, expect, it, vi } from "vitest";

import { type Clicks, choicePanel, clicksPanel } from "../../../src/page/lesson/exercise.ts";
import { agreementOf } from "../../../src/page/lesson/figure.ts";
import type { Measures } from "../../../src/page/lesson/measures.ts";
import type { LivePhoto } from "../../../src/page/lesson/photo.ts";
import type { Result } from "../../../src/page/lesson/rules.ts";
import type { ToWorker } from "../../../src/page/manifest.ts";
import { PageModel } from "../../../src/page/model.ts";

// The widget needs a canvas, and has its own tests.
vi.mock("../../../src/page/lesson/scheme.ts", () => ({ showInSite: () => {} }));

const PHRASES = { not_done: "Do this first: {task}", again: "Press Reset" };

/** Presses the button with this text. */
function press(panel: HTMLElement, label: string): void {
  const found = [...panel.querySelectorAll("button")].find(({ textContent }) => textContent === label);
  if (!found) throw new Error(`there is no button ${label}`);
  found.click();
}

function textOf(panel: HTMLElement): string {
  return panel.querySelector(".sw-lesson-result")?.textContent ?? "";
}

describe("a choice", () => {
  const results: (Result | null)[] = [];
  const options = [
    { label: "1", result: { passed: false, message: "Too small." } },
    { label: "2", result: { passed: true, message: "It fits." } },
  ];

  it("shows the result of the option that was chosen last, until it is reset", () => {
    const panel = choicePanel({ kind: "choice", task: "", options }, (result) => results.push(result));
    press(panel, "1");
    expect(textOf(panel)).toBe("Not yet. Too small.");
    press(panel, "2");
    expect(textOf(panel)).toBe("Right. It fits.");
    expect(panel.querySelectorAll('[aria-pressed="true"]')).toHaveLength(1);
    press(panel, "Reset");
    expect(textOf(panel)).toBe("");
    expect(results.map((result) => result?.passed)).toEqual([false, true, undefined]);
  });
});

describe("clicks in a widget", () => {
  let sent: ToWorker[] = [];
  let tell: (measures: Measures) => void = () => {};
  const photo = {
    open: (_: string, onMeasures: typeof tell) => {
      tell = onMeasures;
      return new PageModel("nano", (message) => sent.push(message)).model;
    },
  } as unknown as LivePhoto;
  const exercise: Clicks = {
    kind: "clicks",
    task: "Click twice.",
    rules: [
      { when: ["clicks < 2"], passed: false, text: "{clicks} click{s}. {again}." },
      { when: [], passed: true, text: "IoU {iou_head:.2f}." },
    ],
    truth: { name: "head", label: "the head" },
    has_candidates: true,
  };

  beforeEach(() => {
    sent = [];
  });

  it("are judged by the rules, as they are when the button is pressed", () => {
    const panel = clicksPanel(exercise, photo, "4", PHRASES, () => {});
    press(panel, "Check");
    expect(textOf(panel)).toBe("Not yet. Do this first: Click twice.");
    tell({ objects: 1, clicks: 1, s: "", box: 0, iou_head: 0.25, candidate: 2, iou_head_1: 0.5, score_1: 0.75 });
    expect(panel.querySelector(".sw-lesson-readout")?.textContent).toContain("IoU with the head: 0.251 click");
    expect(panel.querySelector("tbody tr")?.textContent).toBe("Candidate 10.750.50");
    press(panel, "Check");
    expect(textOf(panel)).toBe("Not yet. 1 click. Press Reset.");
    tell({ objects: 1, clicks: 2, s: "s", box: 0, iou_head: 0.95 });
    press(panel, "Check");
    expect(textOf(panel)).toBe("Right. IoU 0.95.");
  });

  it("are deleted by the reset", () => {
    const panel = clicksPanel(exercise, photo, "4", PHRASES, () => {});
    press(panel, "Check");
    press(panel, "Reset");
    expect(textOf(panel)).toBe("");
    expect(sent.some((message) => "request" in message && message.request.kind === "clear")).toBe(true);
  });
});

describe("the agreement of candidates", () => {
  it("is the mean IoU of each two", () => {
    const views = [
      [1, 1, 0],
      [1, 1, 0],
      [1, 0, 0],
    ].map((values) => ({ inside: Uint8Array.from(values) }));
    expect(agreementOf(views)).toBeCloseTo((1 + 0.5 + 0.5) / 3);
  });
});
