// The race with the robot: its clicks one by one with the errors of each mask, the truth, and a mark for a first click.

import type { Prompt } from "../values.ts";
import { curvesSvg } from "./curve.ts";
import { button, element } from "./elements.ts";
import { BLUE, type Colour, css, drawPrompt, greyed, mixed, ORANGE, painted, VERMILION } from "./figure.ts";
import { depthOf, type FullMask, fromRuns, isOn } from "./masks.ts";
import type { LivePhoto } from "./photo.ts";
import { checkRow, type Phrases, resultBox, type Tell } from "./result.ts";
import { filled, judged, type Rule } from "./rules.ts";

export interface RobotFigure {
  kind: "robot";
  truth: string;
  target: number;
  steps: readonly { prompt: Prompt; iou: number; runs: readonly number[] }[];
}

export interface Mark {
  kind: "mark";
  task: string;
  rules: readonly Rule[];
  truth: string;
}

export const ROBOT_COLOUR = "#e69f00";
export const OWN_COLOUR = "#0072b2";
const ERRORS = [
  ["right", BLUE],
  ["missing", ORANGE],
  ["too much", VERMILION],
] as const;
const KEY_STEP_PX = 10;
/** Of the colour of an error in a pixel: half of it would make red and orange alike. */
const ERROR_SHARE = 0.85;
const WHITE: Colour = [255, 255, 255];

/** The robot's clicks: what is missing in its mask, what is too much, and its curve where it has several. */
export function robotPanel({ steps, truth: name, target }: RobotFigure, photo: LivePhoto): HTMLElement {
  const truth = truthOf(photo, name);
  const stage = element("div", { class: "sw-lesson-photo" });
  const curve = element("div", { class: "sw-lesson-curve" });
  const text = element("p", { role: "status" });
  let index = 0;
  const show = async () => {
    const { prompt, iou, runs } = steps[index] as RobotFigure["steps"][number];
    const canvas = await errorsOf(photo, fromRuns(runs, photo.manifest.photo.size_hw), truth);
    drawPrompt(canvas, prompt);
    canvas.setAttribute("aria-label", `The errors after click ${index + 1}`);
    stage.replaceChildren(canvas);
    text.textContent = `Click ${index + 1}: the IoU is ${iou.toFixed(2)}.`;
    const ious = steps.slice(0, index + 1).map((step) => step.iou);
    if (steps.length > 1) {
      const is_finished = index === steps.length - 1;
      const robot = { name: "the robot", ious, colour: ROBOT_COLOUR, is_dashed: true, is_finished };
      curve.innerHTML = curvesSvg([robot], target, steps.length);
    }
    for (const [step, isEnd] of [
      [back, index === 0],
      [next, index === steps.length - 1],
    ] as const)
      step.disabled = isEnd;
  };
  const move = (by: number) => {
    index = Math.min(Math.max(index + by, 0), steps.length - 1);
    void show();
  };
  const back = button("Click before", () => move(-1));
  const next = button("Next click", () => move(1), "is-first");
  void show();
  const row = steps.length > 1 ? [element("div", { class: "sw-lesson-row" }, back, next)] : [];
  return element(
    "div",
    { class: "sw-lesson-panel" },
    ...row,
    element("div", { class: "sw-lesson-row" }, text, ...ERRORS.map(([name, colour]) => keyOf(name, colour))),
    element("div", { class: "sw-lesson-pair" }, stage, curve),
  );
}

/** What a colour stands for. */
function keyOf(name: string, colour: Colour): HTMLElement {
  const disc = element("span", { class: "sw-lesson-disc", style: `--sw-disc: ${css(colour)}` });
  return element("span", { class: "sw-lesson-key" }, disc, name);
}

/** The photo with the outline of the truth. */
export function truthPanel({ truth }: { truth: string }, photo: LivePhoto): HTMLElement {
  const stage = element("div", { class: "sw-lesson-photo" });
  void outlinedTruth(photo, truthOf(photo, truth)).then((canvas) => {
    canvas.setAttribute("aria-label", "The outline of the truth");
    stage.replaceChildren(canvas);
  });
  return stage;
}

/** A photo on which one puts a mark with the pointer or with the arrow keys, and its check. */
export function markPanel(mark: Mark, photo: LivePhoto, phrases: Phrases, onResult: Tell): HTMLElement {
  const truth = truthOf(photo, mark.truth);
  const stage = element("div", {
    class: "sw-lesson-photo is-marked",
    tabindex: "0",
    role: "application",
    "aria-label": "The photo. Arrow keys move your mark, with Shift by one pixel.",
  });
  const position = element("span", { class: "sw-lesson-readout", role: "status" });
  const { box, tell } = resultBox(onResult);
  let marked: readonly [number, number] | null = null;
  const draw = async () => {
    const canvas = await outlinedTruth(photo, truth);
    if (marked) drawPrompt(canvas, { points: [[marked[0] + 0.5, marked[1] + 0.5, 1]], box: null, level: null });
    canvas.setAttribute("aria-label", "The outline of the truth, with your mark");
    stage.replaceChildren(canvas);
  };
  const put = (next: readonly [number, number] | null) => {
    marked = next;
    position.textContent = marked ? `Your mark is at (${marked.join(", ")}).` : "Click in the photo.";
    void draw();
  };
  stage.addEventListener("click", ({ clientX, clientY }) => {
    const { left, top, width } = (stage.firstElementChild ?? stage).getBoundingClientRect();
    const scale = truth.width / width;
    put(withinPhoto(truth, (clientX - left) * scale, (clientY - top) * scale));
  });
  stage.addEventListener("keydown", (event) => {
    const step = movedBy(event.key, event.shiftKey ? 1 : KEY_STEP_PX);
    if (!step) return;
    event.preventDefault();
    const [x, y] = marked ?? [truth.width / 2, truth.height / 2];
    put(withinPhoto(truth, x + step[0], y + step[1]));
  });
  const check = () => {
    if (marked) tell(judged(mark.rules, markMeasures(truth, marked)));
    else tell({ passed: false, message: filled(phrases.not_done, { task: mark.task }) });
  };
  const reset = () => {
    put(null);
    tell(null);
  };
  put(null);
  return element("div", { class: "sw-lesson-panel" }, stage, checkRow(check, reset, position), box);
}

/** The pixel of the photo that is nearest to a position. */
function withinPhoto({ width, height }: FullMask, x: number, y: number): [number, number] {
  const near = (value: number, size: number) => Math.min(Math.max(Math.floor(value), 0), size - 1);
  return [near(x, width), near(y, height)];
}

/** How far an arrow key moves; null for another key. */
function movedBy(key: string, step: number): [x: number, y: number] | null {
  const steps: Record<string, [number, number]> = {
    ArrowLeft: [-step, 0],
    ArrowRight: [step, 0],
    ArrowUp: [0, -step],
    ArrowDown: [0, step],
  };
  return steps[key] ?? null;
}

/** What the rules of a first click ask of it. */
export function markMeasures(truth: FullMask, [x, y]: readonly [number, number]): Record<string, number | string> {
  const is_on = isOn(truth, x, y);
  return { x, y, is_on: is_on ? 1 : 0, is_swapped: 0, depth: is_on ? depthOf(truth, x, y) : 0, advice: "" };
}

function truthOf({ manifest }: LivePhoto, name: string): FullMask {
  return fromRuns(manifest.truths[name] ?? [], manifest.photo.size_hw);
}

function errorsOf(photo: LivePhoto, mask: FullMask, truth: FullMask): Promise<HTMLCanvasElement> {
  // On grey: the photo has things in the colours of the errors.
  return painted(photo, (at, pixel) => {
    const grey = greyed(pixel);
    if (mask.inside[at]) return truth.inside[at] ? mixed(grey, BLUE) : mixed(grey, VERMILION, ERROR_SHARE);
    return truth.inside[at] ? mixed(grey, ORANGE, ERROR_SHARE) : grey;
  });
}

function outlinedTruth(photo: LivePhoto, { inside, width }: FullMask): Promise<HTMLCanvasElement> {
  const steps = [1, -1, 2, -2, width, -width, 2 * width, -2 * width];
  return painted(photo, (at, pixel) => {
    const isEdge = steps.some((step) => inside[at + step] !== inside[at]);
    return isEdge ? (inside[at] ? BLUE : WHITE) : pixel;
  });
}
