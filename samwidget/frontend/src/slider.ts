// A labelled slider that shows its value as text. It acts while it moves; a double click resets it.

import { h, type Scope, setAttribute, setText } from "./dom.ts";

export interface SliderSpec {
  /** Its `data-sw` name. */
  name: string;
  label: string;
  hint: string;
  min: number;
  max: number;
  step: number;
  /** What a double click restores. */
  initial: number;
  /** Its position, read from signals. */
  position: () => number;
  move: (position: number) => void;
  /** Called when the user lets go of it. */
  settle?: () => void;
  text: (position: number) => string;
}

export function slider(spec: SliderSpec, scope: Scope): HTMLElement {
  const input = h("input", {
    class: "sw-slider",
    type: "range",
    "data-sw": spec.name,
    // The value is inside the label, too, and would be read twice.
    "aria-label": spec.label,
    min: spec.min,
    max: spec.max,
    step: spec.step,
  });
  const value = h("output", { class: "sw-value" });
  const element = h("label", { class: "sw-setting", title: spec.hint }, h("span", {}, spec.label), input, value);
  scope.listen(input, "input", () => spec.move(input.valueAsNumber));
  scope.listen(input, "change", () => spec.settle?.());
  scope.listen(input, "dblclick", () => {
    spec.move(spec.initial);
    spec.settle?.();
  });
  scope.effect(() => {
    const position = spec.position();
    if (input.valueAsNumber !== position) input.valueAsNumber = position;
    input.style.setProperty("--sw-fill", `${(100 * (position - spec.min)) / (spec.max - spec.min)}%`);
    setAttribute(input, "aria-valuetext", spec.text(position));
    setText(value, spec.text(position));
  });
  return element;
}
