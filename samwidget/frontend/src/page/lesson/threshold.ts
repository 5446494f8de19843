// The threshold of one candidate: a slider with its mask and the curve of its area, and what a small step of it moves.

import type { Prompt } from "../values.ts";
import { areasSvg } from "./curve.ts";
import { element } from "./elements.ts";
import { BLUE, drawPrompt, greyed, mixed, ORANGE, painted, tinted } from "./figure.ts";
import { areaOf, type FullMask, fullMask } from "./masks.ts";
import type { LivePhoto } from "./photo.ts";
import { checkRow, type Phrases, resultBox, type Tell } from "./result.ts";
import { filled, type Result } from "./rules.ts";

export interface ThresholdFigure {
  kind: "threshold";
  prompt: Prompt;
  /** Which of its candidates. */
  level: number;
  /** The slider goes from minus this to this, in logits. */
  reach: number;
  step: number;
}

/** The threshold that the slider has is the answer. */
export interface ThresholdExercise extends Omit<ThresholdFigure, "kind"> {
  kind: "set_threshold";
  task: string;
  /** For each threshold of the slider what Python's check gave for it. */
  results: readonly Result[];
}

/** The masks of some candidates a little above the threshold 0, and what is added a little below it. */
export interface BordersFigure {
  kind: "borders";
  offset: number;
  masks: readonly { name: string; prompt: Prompt; level: number }[];
}

export function thresholdPanel(figure: ThresholdFigure | ThresholdExercise, photo: LivePhoto): HTMLElement {
  return sliderPanel(figure, photo, () => {}).panel;
}

/** A slider whose threshold is checked. */
export function thresholdExercise(
  exercise: ThresholdExercise,
  photo: LivePhoto,
  phrases: Phrases,
  onResult: Tell,
): HTMLElement {
  const { box, tell } = resultBox(onResult);
  let isMoved = false;
  const { panel, index, reset } = sliderPanel(exercise, photo, () => {
    isMoved = true;
  });
  const check = () =>
    tell(
      isMoved
        ? (exercise.results[index()] as Result)
        : { passed: false, message: filled(phrases.not_done, { task: exercise.task }) },
    );
  const start = () => {
    reset();
    isMoved = false;
    tell(null);
  };
  return element("div", { class: "sw-lesson-panel" }, panel, checkRow(check, start), box);
}

function sliderPanel(
  { prompt, level, reach, step }: Omit<ThresholdFigure, "kind">,
  photo: LivePhoto,
  onMove: () => void,
): { panel: HTMLElement; index: () => number; reset: () => void } {
  const { frame, photo: image } = photo.manifest;
  const stage = element("div", { class: "sw-lesson-photo" });
  const curve = element("div", { class: "sw-lesson-curve" });
  const text = element("output", {}, "");
  const slider = element("input", { type: "range", min: String(-reach), max: String(reach), step: String(step) });
  slider.value = "0";
  slider.disabled = true;
  const index = () => Math.round((Number(slider.value) + reach) / step);
  const thresholds = Array.from({ length: Math.round((2 * reach) / step) + 1 }, (_, i) => i * step - reach);
  let logits: Float32Array | null = null;
  let shares: number[] = [];
  let isDrawing = false;
  const show = async () => {
    if (!logits || isDrawing) return;
    isDrawing = true;
    const threshold = Number(slider.value);
    const mask = fullMask(logits, frame, threshold);
    text.textContent = `threshold ${threshold.toFixed(2).replace("-", "\u2212")}, area of the mask: ${areaOf(mask)} pixels`;
    curve.innerHTML = areasSvg(thresholds, shares, index());
    const canvas = await tinted(photo, mask.inside);
    drawPrompt(canvas, prompt);
    canvas.setAttribute("aria-label", "The mask at this threshold");
    stage.replaceChildren(canvas);
    isDrawing = false;
    if (Number(slider.value) !== threshold) await show();
  };
  const begin = async () => {
    const values = await photo.ask<"logits">({ kind: "logits", prompt, level });
    const [height, width] = image.size_hw;
    shares = thresholds.map((threshold) => areaOf(fullMask(values, frame, threshold)) / (width * height));
    logits = values;
    slider.disabled = false;
    await show();
  };
  slider.addEventListener("input", () => {
    onMove();
    void show();
  });
  void begin().catch((error) => {
    text.textContent = `The figure cannot be drawn: ${error}.`;
  });
  const label = element("label", { class: "sw-lesson-slider" }, "Threshold", slider);
  const pair = element("div", { class: "sw-lesson-pair" }, stage, curve);
  return {
    panel: element("div", { class: "sw-lesson-panel" }, label, text, pair),
    index,
    reset: () => {
      slider.value = "0";
      void show();
    },
  };
}

/** What a small step of the threshold moves, in orange, with the stability. */
export function bordersPanel({ masks, offset }: BordersFigure, photo: LivePhoto): HTMLElement {
  const panels = element("div", { class: "sw-lesson-figure" });
  const draw = async () => {
    for (const { name, prompt, level } of masks) {
      const logits = await photo.ask<"logits">({ kind: "logits", prompt, level });
      const [low, high] = [-offset, offset].map((threshold) => fullMask(logits, photo.manifest.frame, threshold)) as [
        FullMask,
        FullMask,
      ];
      const stability = (areaOf(high) / Math.max(1, areaOf(low))).toFixed(2);
      const canvas = await painted(photo, (at, pixel) => {
        if (high.inside[at]) return mixed(pixel, BLUE);
        return low.inside[at] ? ORANGE : greyed(pixel);
      });
      drawPrompt(canvas, prompt);
      canvas.setAttribute("aria-label", `${name}, stability ${stability}`);
      const caption = element("figcaption", {}, element("b", {}, name), element("span", {}, `stability ${stability}`));
      panels.append(element("figure", {}, caption, canvas));
    }
  };
  void draw().catch((error) => panels.replaceChildren(element("p", {}, `The figure cannot be drawn: ${error}.`)));
  return panels;
}
