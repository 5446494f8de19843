// The parts of lesson 8: a grid that is asked while one looks on, the sliders of its settings with their check, and grids of
// several sizes side by side.

import { barsSvg } from "./curve.ts";
import { button, element } from "./elements.ts";
import { type Grid, gridOf } from "./grid.ts";
import { GridPicture } from "./grid_picture.ts";
import { type CoinSize, judgedPoints, keptMeasures, type Reasons, type Settings } from "./grid_rules.ts";
import type { LivePhoto } from "./photo.ts";
import { checkRow, type Phrases, resultBox, type Tell } from "./result.ts";
import { filled, judged, type Rule } from "./rules.ts";

/** One grid. */
export interface GridFigure {
  kind: "grid";
  side: number;
  settings: Settings;
  texts: Reasons;
  /** Whether it is asked without a press. */
  is_begun: boolean;
}

/** The numbers of coins and of other objects that grids keep. */
export interface SidesFigure {
  kind: "sides";
  sides: readonly number[];
  settings: Settings;
  coin: CoinSize;
  wanted: number;
}

/** Four sliders; what the grid keeps is the answer. */
export interface SettingsExercise {
  kind: "settings";
  task: string;
  rules: readonly Rule[];
  sides: readonly number[];
  shares: readonly number[];
  start: Settings & { side: number };
  coin: CoinSize;
  texts: Reasons;
}

const UNASKED = "Ask all points of the grid.";

export function gridPanel({ side, settings, texts, is_begun }: GridFigure, photo: LivePhoto): HTMLElement {
  const picture = new GridPicture(photo, texts);
  const asking = new Asking((grid) => picture.show(grid, settings));
  asking.take(gridOf(photo, side), is_begun);
  return element("div", { class: "sw-lesson-panel" }, asking.element, picture.element);
}

export function settingsPanel(
  exercise: SettingsExercise,
  photo: LivePhoto,
  phrases: Phrases,
  onResult: Tell,
): HTMLElement {
  const { sides, shares, start, coin, rules } = exercise;
  const { box, tell } = resultBox(onResult);
  const picture = new GridPicture(photo, exercise.texts);
  const sliders = {
    side: new Slider("points per side", sides, start.side),
    score: new Slider("lowest score", shares, start.score),
    stability: new Slider("lowest stability", shares, start.stability),
    overlap: new Slider("overlap allowed", shares, start.overlap),
  };
  const settings = (): Settings => ({
    score: sliders.score.value,
    stability: sliders.stability.value,
    overlap: sliders.overlap.value,
  });
  const grid = () => gridOf(photo, sliders.side.value);
  const asking = new Asking(() => picture.show(grid(), settings()));
  sliders.side.onMove = () => asking.take(grid(), true);
  for (const slider of [sliders.score, sliders.stability, sliders.overlap]) {
    slider.onMove = () => picture.show(grid(), settings());
  }
  const check = () => {
    if (!grid().isWhole) {
      tell({ passed: false, message: filled(phrases.not_done, { task: UNASKED }) });
      return;
    }
    const [height, width] = photo.manifest.photo.size_hw;
    tell(judged(rules, { side: sliders.side.value, ...keptMeasures(picture.objects, coin, width * height) }));
  };
  const reset = () => {
    for (const slider of Object.values(sliders)) slider.reset();
    asking.take(grid(), false);
    tell(null);
  };
  asking.take(grid(), false);
  const rows = Object.values(sliders).map((slider) => slider.element);
  return element(
    "div",
    { class: "sw-lesson-panel" },
    element("div", { class: "sw-lesson-sliders" }, ...rows),
    asking.element,
    picture.element,
    checkRow(check, reset),
    box,
  );
}

export function sidesPanel({ sides, settings, coin, wanted }: SidesFigure, photo: LivePhoto): HTMLElement {
  const chart = element("div", { class: "sw-lesson-curve" });
  const [height, width] = photo.manifest.photo.size_hw;
  const draw = () => {
    const bars = sides
      .map((side) => gridOf(photo, side))
      .filter(({ isWhole }) => isWhole)
      .map(({ side, asked }) => {
        const objects = judgedPoints(asked, settings).flatMap((point) => point.objects);
        const { coins, others } = keptMeasures(objects, coin, width * height);
        return { side, coins: Number(coins), others: Number(others) };
      });
    chart.innerHTML = barsSvg(sides, bars, wanted);
  };
  const next = (isBegun: boolean) => {
    draw();
    const left = sides.map((side) => gridOf(photo, side)).find((grid) => !grid.isWhole);
    if (left) asking.take(left, isBegun);
  };
  const asking = new Asking(
    // Another place of the page may have asked it.
    (grid) => {
      if (grid.isWhole && !asking.isRunning) next(false);
    },
    () => next(true),
  );
  asking.take(gridOf(photo, sides[0] as number), false);
  draw();
  return element("div", { class: "sw-lesson-panel" }, asking.element, chart);
}

/** How far a grid is asked, with a button that starts and stops it. */
class Asking {
  readonly element: HTMLElement;
  readonly #bar = element("progress", { "aria-label": "Points that were asked" });
  readonly #text = element("span", { role: "status" });
  readonly #button = button("", () => this.#toggle(), "is-first");
  readonly #onStep: (grid: Grid) => void;
  readonly #onEnd: () => void;
  readonly #watch = () => {
    if (this.#grid) this.#update(this.#grid);
  };
  #grid: Grid | null = null;
  #isRunning = false;

  /** `onStep` is called after each point, whoever asked it, and `onEnd` when this place has asked the last one. */
  constructor(onStep: (grid: Grid) => void, onEnd: () => void = () => {}) {
    this.#onStep = onStep;
    this.#onEnd = onEnd;
    this.element = element("div", { class: "sw-lesson-row is-asking" }, this.#button, this.#bar, this.#text);
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Shows this grid, and leaves the one before. */
  take(grid: Grid, isBegun: boolean): void {
    this.#stop();
    this.#grid?.watchers.delete(this.#watch);
    this.#grid = grid;
    grid.watchers.add(this.#watch);
    if (isBegun && !grid.isWhole) void this.#run(grid);
    else this.#update(grid);
  }

  #toggle(): void {
    const grid = this.#grid;
    if (!grid) return;
    if (!this.#isRunning) {
      void this.#run(grid);
      return;
    }
    this.#stop();
    this.#update(grid);
  }

  #stop(): void {
    this.#grid?.drop(this);
    this.#isRunning = false;
  }

  async #run(grid: Grid): Promise<void> {
    this.#isRunning = true;
    this.#update(grid);
    try {
      await grid.want(this);
    } catch (error) {
      if (this.#grid !== grid) return;
      this.#stop();
      this.#update(grid);
      this.#text.textContent = `The points cannot be asked: ${error}.`;
      return;
    }
    if (this.#grid !== grid || !this.#isRunning || !grid.isWhole) return;
    this.#isRunning = false;
    this.#update(grid);
    this.#onEnd();
  }

  #update(grid: Grid): void {
    const [done, total] = [grid.asked.length, grid.points.length];
    this.#bar.max = total;
    this.#bar.value = done;
    this.#text.textContent = `${done} of ${total} points asked`;
    this.#button.textContent = this.#isRunning ? "Stop" : done === 0 ? "Ask the model" : "Go on";
    this.#button.hidden = grid.isWhole;
    this.#bar.hidden = grid.isWhole;
    this.#onStep(grid);
  }
}

/** A slider over a few values. */
class Slider {
  readonly element: HTMLElement;
  onMove: () => void = () => {};
  readonly #values: readonly number[];
  readonly #start: number;
  readonly #input: HTMLInputElement;
  readonly #shown = element("output");

  constructor(label: string, values: readonly number[], start: number) {
    this.#values = values;
    this.#start = values.indexOf(start);
    this.#input = element("input", { type: "range", min: "0", max: String(values.length - 1), step: "1" });
    this.#input.addEventListener("input", () => {
      this.#show();
      this.onMove();
    });
    this.element = element(
      "label",
      { class: "sw-lesson-slider" },
      element("span", {}, label),
      this.#input,
      this.#shown,
    );
    this.reset();
  }

  get value(): number {
    return this.#values[Number(this.#input.value)] as number;
  }

  reset(): void {
    this.#input.value = String(this.#start);
    this.#show();
  }

  #show(): void {
    this.#shown.textContent = String(this.value);
    this.#input.setAttribute("aria-valuetext", String(this.value));
  }
}
