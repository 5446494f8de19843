import { beforeEach, describe, expect, it, vi } from "vitest";

import { type Clicks, clicksPanel } from "../../../src/page/lesson/exercise.ts";
import { gridPanel, type SettingsExercise, settingsPanel, sidesPanel } from "../../../src/page/lesson/grid_panels.ts";
import type { Measures } from "../../../src/page/lesson/measures.ts";
import type { FoundView, PhotoRequest } from "../../../src/page/lesson/messages.ts";
import type { LivePhoto } from "../../../src/page/lesson/photo.ts";

// Canvases and the widget have no pixels here.
vi.mock("../../../src/page/lesson/grid_canvas.ts", () => ({
  FATE_COLOURS: { kept: [], duplicate: [], "not stable": [], "score too low": [] },
  drawnGrid: async () => document.createElement("canvas"),
}));
vi.mock("../../../src/page/lesson/scheme.ts", () => ({ showInSite: () => {} }));

const SIZE = [8, 8] as const;
const SETTINGS = { score: 0.5, stability: 0.5, overlap: 0.7 };
const COIN = { area_px: [1, 9], same: 0.5, large: 0.25 } as const;
const TEXTS = {
  reasons: {
    kept: "score {scores}",
    duplicate: "covered",
    "not stable": "best {best:.2f}, below {limit}",
    "score too low": "best {best:.2f}, not above {limit}",
  },
  empty: "nothing",
};
const PHRASES = { not_done: "Do this first: {task}", again: "Press Reset" };

/** A photo whose network finds a square of 4 pixels at each point, and answers when it is let go. */
class SlowPhoto {
  readonly manifest = { photo: { size_hw: SIZE }, everything: { stability_offset: 1 } };
  readonly waiting: (() => void)[] = [];
  measures: (measures: Measures) => void = () => {};
  objects: unknown[] = [];
  /** The pixels of the mask of a click. */
  clicked: readonly number[] = [];

  ask(request: PhotoRequest): Promise<unknown> {
    if (request.kind === "candidates") {
      const inside = new Uint8Array(64);
      for (const at of this.clicked) inside[at] = 1;
      return Promise.resolve([{ area: 4, score: 1, iou: null, inside }]);
    }
    const [x, y] = (request.prompt.points[0] as readonly number[]).map(Math.floor) as [number, number];
    const [left, top] = [x - 1, y - 1];
    const part = { x: left, y: top, width: 2, height: 2, inside: Uint8Array.of(1, 1, 1, 1) };
    const found: FoundView = {
      score: 0.6 + 0.1 * (y > 4 ? 1 : 0),
      stability: 0.9,
      area: 4,
      box: [left, top, x + 1, y + 1],
      part,
    };
    return new Promise((resolve) => this.waiting.push(() => resolve([found])));
  }

  open(_: string, onMeasures: (measures: Measures) => void): unknown {
    this.measures = onMeasures;
    return { get: () => ({ objects: this.objects }), set: () => {}, send: () => {}, on: () => {} };
  }

  async answer(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await vi.waitUntil(() => this.waiting.length > 0);
      this.waiting.shift()?.();
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
}

let photo: SlowPhoto;
beforeEach(() => {
  photo = new SlowPhoto();
});

const live = () => photo as unknown as LivePhoto;
const press = (panel: HTMLElement, label: string) =>
  [...panel.querySelectorAll("button")].find(({ textContent }) => textContent === label)?.click();
const statusOf = (panel: HTMLElement) => panel.querySelector(".is-asking span")?.textContent;
const countsOf = (panel: HTMLElement) =>
  [...panel.querySelectorAll(".sw-lesson-fate b")].map((count) => count.textContent);

describe("a grid that is asked", () => {
  const figure = { kind: "grid", side: 2, settings: SETTINGS, texts: TEXTS, is_begun: false } as const;

  it("begins when it is told to, stops, and goes on where it was", async () => {
    const panel = gridPanel(figure, live());
    expect([statusOf(panel), photo.waiting]).toEqual(["0 of 4 points asked", []]);
    press(panel, "Ask the model");
    await photo.answer(1);
    press(panel, "Stop");
    await photo.answer(1);
    expect(photo.waiting).toEqual([]);
    press(panel, "Go on");
    await photo.answer(2);
    expect(statusOf(panel)).toBe("4 of 4 points asked");
    expect(countsOf(panel)).toEqual(["4", "0", "0", "0"]);
  });

  it("says why a point has its fate", async () => {
    const panel = gridPanel({ ...figure, settings: { ...SETTINGS, score: 0.65 }, is_begun: true }, live());
    await photo.answer(4);
    expect(countsOf(panel)).toEqual(["2", "0", "0", "2"]);
    const stage = panel.querySelector(".is-grid") as HTMLElement;
    stage.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
    const reason = () => panel.querySelector(".sw-lesson-reason")?.textContent;
    expect(reason()).toBe("The point at (2, 2): score too low, best 0.60, not above 0.65.");
    stage.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown" }));
    expect(reason()).toBe("The point at (2, 6): kept, score 0.70.");
  });

  it("can go on after a failure of the network", async () => {
    const panel = gridPanel(figure, live());
    const ask = photo.ask;
    photo.ask = () => Promise.reject(new Error("no memory"));
    press(panel, "Ask the model");
    await vi.waitUntil(() => statusOf(panel)?.startsWith("The points cannot be asked: Error: no memory"));
    photo.ask = ask;
    press(panel, "Ask the model");
    await photo.answer(4);
    expect(statusOf(panel)).toBe("4 of 4 points asked");
  });

  it("is asked once for all places of the page", async () => {
    const panels = [gridPanel({ ...figure, is_begun: true }, live()), gridPanel(figure, live())];
    await photo.answer(4);
    expect(panels.map(statusOf)).toEqual(["4 of 4 points asked", "4 of 4 points asked"]);
    expect(photo.waiting).toEqual([]);
  });
});

describe("the sliders of a grid", () => {
  const exercise: SettingsExercise = {
    kind: "settings",
    task: "",
    rules: [
      { when: ["coins == 4", "others == 0"], passed: true, text: "All." },
      { when: [], passed: false, text: "{coins} coins of {side} per side." },
    ],
    sides: [1, 2],
    shares: [0.5, 0.65, 0.7],
    start: { side: 2, score: 0.65, stability: 0.5, overlap: 0.7 },
    coin: COIN,
    texts: TEXTS,
  };
  const resultOf = (panel: HTMLElement) => panel.querySelector(".sw-lesson-result")?.textContent;

  it("act on what was asked, and are checked by the rules", async () => {
    const panel = settingsPanel(exercise, live(), PHRASES, () => {});
    press(panel, "Ask the model");
    await photo.answer(3);
    press(panel, "Check");
    expect(resultOf(panel)).toBe("Not yet. Do this first: Ask all points of the grid.");
    await photo.answer(1);
    press(panel, "Check");
    expect(resultOf(panel)).toBe("Not yet. 2 coins of 2 per side.");
    const score = panel.querySelectorAll("input")[1] as HTMLInputElement;
    score.value = "0";
    score.dispatchEvent(new Event("input"));
    press(panel, "Check");
    expect(resultOf(panel)).toBe("Right. All.");
    expect(photo.waiting).toEqual([]);
  });

  it("leave a grid that another one takes the place of", async () => {
    const panel = settingsPanel(exercise, live(), PHRASES, () => {});
    press(panel, "Ask the model");
    await photo.answer(1);
    const side = panel.querySelectorAll("input")[0] as HTMLInputElement;
    side.value = "0";
    side.dispatchEvent(new Event("input"));
    await photo.answer(2); // the one that was under way, and the only one of the other grid
    expect(statusOf(panel)).toBe("1 of 1 points asked");
    expect(photo.waiting).toEqual([]);
  });
});

describe("grids side by side", () => {
  it("wait for a press, also where another place has asked the first one", async () => {
    const panel = sidesPanel({ kind: "sides", sides: [1, 2], settings: SETTINGS, coin: COIN, wanted: 4 }, live());
    gridPanel({ kind: "grid", side: 1, settings: SETTINGS, texts: TEXTS, is_begun: true }, live());
    await photo.answer(1);
    expect(panel.querySelectorAll("rect")).toHaveLength(2);
    expect([statusOf(panel), photo.waiting]).toEqual(["0 of 4 points asked", []]);
  });

  it("are asked one after the other, and have a bar each", async () => {
    const panel = sidesPanel({ kind: "sides", sides: [1, 2], settings: SETTINGS, coin: COIN, wanted: 4 }, live());
    expect(panel.querySelectorAll("rect")).toHaveLength(0);
    press(panel, "Ask the model");
    await photo.answer(5);
    expect(panel.querySelectorAll("rect")).toHaveLength(4);
  });
});

describe("a click that is compared with a grid", () => {
  it.each([
    [[0, 1, 8, 9], "Right. It is new."],
    [[9, 10, 17, 18], "Not yet. The point at (2, 2) has it."],
  ])("is judged by how well it fits what the grid has", async (clicked, expected) => {
    photo.clicked = clicked;
    const rules = [
      { when: ["overlap >= 0.5"], passed: false, text: "The point at ({x:.0f}, {y:.0f}) has it." },
      { when: [], passed: true, text: "It is new." },
    ];
    const grid = { side: 2, settings: SETTINGS };
    const exercise: Clicks = { kind: "clicks", task: "", rules, truth: null, has_candidates: false, grid };
    const panel = clicksPanel(exercise, live(), "4", PHRASES, () => {});
    photo.objects = [{ points: [[1, 1, 1]], prompt_box: null, level: 0 }];
    photo.measures({ objects: 1, clicks: 1, s: "", box: 0, area: 4 });
    press(panel, "Check");
    await photo.answer(4);
    const result = () => panel.querySelector(".sw-lesson-result")?.textContent;
    await vi.waitUntil(result);
    expect(result()).toBe(expected);
  });
});
