// An exercise: its question, the way to answer, and the result of its check. Choices have their results from Python; the
// clicks of a widget are judged by rules that Python wrote.

import type { Model } from "../../traits.ts";
import { clicksTo, curvesSvg } from "./curve.ts";
import { button, element } from "./elements.ts";
import { type ComparedGrid, missedMeasures } from "./grid.ts";
import type { SettingsExercise } from "./grid_panels.ts";
import type { Measures } from "./measures.ts";
import type { LivePhoto } from "./photo.ts";
import { checkRow, type Phrases, resultBox, type Tell } from "./result.ts";
import { type Mark, OWN_COLOUR, ROBOT_COLOUR } from "./robot.ts";
import { filled, judged, type Result, type Rule } from "./rules.ts";
import { showInSite } from "./scheme.ts";
import type { ThresholdExercise } from "./threshold.ts";

export interface Choice {
  kind: "choice";
  task: string;
  /** What one chooses among, with the result that Python's check gave for it. */
  options: readonly { label: string; result: Result }[];
}

export interface Clicks {
  kind: "clicks";
  task: string;
  rules: readonly Rule[];
  /** The truth that the mask is compared with while one clicks, and what it is called; null where borders are measured. */
  truth: { name: string; label: string } | null;
  /** Whether all candidates are compared. */
  has_candidates: boolean;
  /** The robot's IoUs after each click, with which one races to the target. */
  race?: { target: number; robot: readonly number[] };
  /** The grid with whose objects the last object is compared. */
  grid?: ComparedGrid;
}

export type Exercise = Choice | Clicks | Mark | SettingsExercise | ThresholdExercise;

/** A question with buttons. The button that was pressed shows its result; *Reset* takes it away. */
export function choicePanel({ options }: Choice, onResult: Tell): HTMLElement {
  const { box, tell } = resultBox(onResult);
  const choose = (chosen: HTMLButtonElement | null, result: Result | null) => {
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === chosen));
    reset.hidden = result === null;
    tell(result);
  };
  const buttons = options.map(({ label, result }) => {
    const own: HTMLButtonElement = button(label, () => choose(own, result), "is-option");
    own.setAttribute("aria-pressed", "false");
    return own;
  });
  const reset = button("Reset", () => choose(null, null), "is-quiet");
  reset.hidden = true;
  return element(
    "div",
    { class: "sw-lesson-panel" },
    element("div", { class: "sw-lesson-row" }, ...buttons, reset),
    box,
  );
}

/** A widget with what its mask measures, the check and the reset. */
export function clicksPanel(
  exercise: Clicks,
  photo: LivePhoto,
  name: string,
  phrases: Phrases,
  onResult: Tell,
): HTMLElement {
  const { box, tell } = resultBox(onResult);
  const stage = element("div", { class: "sw-lesson-widget" });
  const readout = element("div", { class: "sw-lesson-readout" });
  const curve = element("div", { class: "sw-lesson-curve" });
  let measures: Measures = { objects: 0 };
  const model = photo.open(name, (next) => {
    measures = { ...next, ...raced(exercise, next, curve) };
    readout.replaceChildren(...readoutOf(exercise, next));
  });
  const judge = (more: Measures = {}) =>
    tell(judged(exercise.rules, { ...measures, ...more, again: phrases.again, task: exercise.task }));
  const fail = (error: unknown) => tell({ passed: false, message: `This cannot be checked: ${error}.` });
  const check = () => {
    const item = model.get("document")?.objects.at(-1);
    if (Number(measures.objects) === 0) {
      tell({ passed: false, message: filled(phrases.not_done, { task: exercise.task }) });
    } else if (exercise.grid && item) {
      const { points, prompt_box: box, levels, level } = item;
      const prompt = { points, box, level: levels?.refined ?? null };
      void missedMeasures(exercise.grid, photo, prompt, level ?? 0).then(judge, fail);
    } else judge();
  };
  const reset = () => {
    clear(model);
    tell(null);
  };
  showInSite(model, stage);
  const row = checkRow(check, reset, readout);
  raced(exercise, measures, curve);
  return element("div", { class: "sw-lesson-panel" }, stage, row, box, ...(exercise.race ? [curve] : []));
}

/** Draws the race, and returns how many clicks were needed; 0 where the target is not reached. */
function raced({ race, truth }: Clicks, measures: Measures, curve: HTMLElement): Measures {
  if (!race || !truth) return {};
  const ious = (measures[`ious_${truth.name}`] ?? []) as readonly number[];
  const curves = [
    { name: "the robot", ious: race.robot, colour: ROBOT_COLOUR, is_dashed: true, is_finished: true },
    ...(ious.length > 0 ? [{ name: "you", ious, colour: OWN_COLOUR, is_dashed: false, is_finished: false }] : []),
  ];
  curve.innerHTML = curvesSvg(curves, race.target, race.robot.length);
  const needed = clicksTo(ious, race.target);
  return { needed, needed_s: needed === 1 ? "" : "s" };
}

let cleared = 0;

/** Deletes all objects of a document; the threshold is 0 again. */
function clear(model: Model): void {
  model.set("threshold", 0);
  model.send({ v: 1, id: `lesson${++cleared}`, kind: "clear" });
}

function readoutOf({ truth, has_candidates, grid }: Clicks, measures: Measures): Node[] {
  if (Number(measures.objects) === 0) return [element("span", {}, "Click in the photo.")];
  const clicks = `${measures.box ? "1 box, " : ""}${measures.clicks} click${measures.s}`;
  const parts: Node[] = [element("span", {}, clicks)];
  if (grid) return [...parts, element("span", {}, `mask: ${measures.area} pixels`)];
  if (!truth) return [element("span", {}, String(measures.state))];
  const overlap = digits(measures[`iou_${truth.name}`]);
  parts.unshift(element("span", {}, `IoU with ${truth.label}: `, element("b", {}, overlap)));
  if (!has_candidates) return parts;
  const rows = [1, 2, 3].map((number) =>
    element(
      "tr",
      number === measures.candidate ? { class: "is-shown" } : {},
      element("th", { scope: "row" }, `Candidate ${number}`),
      element("td", {}, digits(measures[`score_${number}`])),
      element("td", {}, digits(measures[`iou_${truth.name}_${number}`])),
    ),
  );
  const heads = ["", "Score", "IoU"].map((text) => element("th", { scope: "col" }, text));
  const head = element("thead", {}, element("tr", {}, ...heads));
  return [...parts, element("table", { class: "sw-lesson-table" }, head, element("tbody", {}, ...rows))];
}

function digits(value: Measures[string] | undefined): string {
  return Number(value ?? 0).toFixed(2);
}
