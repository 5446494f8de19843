// Panel: how masks are shown. Sliders act at once; the traits are saved a little later.

import { h, type Scope, setAttribute, setText } from "../dom.ts";
import type { HoverPreview } from "../hover.ts";
import { shortcutOf } from "../keyboard.ts";
import type { Session } from "../session.ts";
import { type Setting, THRESHOLD_MAX, THRESHOLD_MIN } from "../traits.ts";

interface SliderSpec {
  hook: string;
  label: string;
  hint: string;
  min: number;
  max: number;
  step: number;
  /** What a double click restores. */
  rest: number;
  setting: Setting<number>;
  toSlider: (value: number) => number;
  toSetting: (position: number) => number;
  text: (position: number) => string;
}

export function looks(session: Session, hover: HoverPreview, scope: Scope): HTMLElement {
  const { opacity, threshold } = session.settings;
  return h(
    "div",
    { class: "sw-looks" },
    slider(
      {
        hook: "opacity",
        label: "Opacity",
        hint: "Opacity of the masks",
        min: 0,
        max: 100,
        step: 1,
        rest: 45,
        setting: opacity,
        toSlider: (value) => Math.round(value * 100),
        toSetting: (position) => position / 100,
        text: (position) => `${position}%`,
      },
      scope,
    ),
    slider(
      {
        hook: "threshold",
        label: "Threshold",
        hint: "Lower makes masks larger, higher smaller; 0 is the network's own. Double-click for 0.",
        min: THRESHOLD_MIN,
        max: THRESHOLD_MAX,
        step: 0.1,
        rest: 0,
        setting: threshold,
        toSlider: (value) => value,
        toSetting: (position) => position,
        text: (position) => (position > 0 ? "+" : position < 0 ? "−" : "") + Math.abs(position).toFixed(1),
      },
      scope,
    ),
    hoverSwitch(session, hover, scope),
  );
}

function slider(spec: SliderSpec, scope: Scope): HTMLElement {
  const { setting } = spec;
  const input = h("input", {
    class: "sw-slider",
    type: "range",
    "data-sw": spec.hook,
    min: spec.min,
    max: spec.max,
    step: spec.step,
  });
  const value = h("output", { class: "sw-value" });
  const element = h("label", { class: "sw-look", title: spec.hint }, h("span", {}, spec.label), input, value);
  scope.listen(input, "input", () => setting.set(spec.toSetting(input.valueAsNumber)));
  scope.listen(input, "change", () => setting.flush());
  scope.listen(input, "dblclick", () => {
    setting.set(spec.toSetting(spec.rest));
    setting.flush();
  });
  scope.effect(() => {
    const position = spec.toSlider(setting.value);
    if (input.valueAsNumber !== position) input.valueAsNumber = position;
    input.style.setProperty("--sw-fill", `${(100 * (position - spec.min)) / (spec.max - spec.min)}%`);
    setAttribute(input, "aria-valuetext", spec.text(position));
    setText(value, spec.text(position));
  });
  return element;
}

function hoverSwitch(session: Session, hover: HoverPreview, scope: Scope): HTMLElement {
  const setting = session.settings.hover;
  const input = h("input", { class: "sw-switch", type: "checkbox", role: "switch", "data-sw": "hover-toggle" });
  const element = h(
    "label",
    {
      class: "sw-look sw-look-switch",
      title: `Show the mask under the pointer before a click (${shortcutOf("hover")})`,
    },
    h("span", {}, "Hover preview"),
    input,
  );
  scope.listen(input, "change", () => {
    hover.restart();
    setting.set(input.checked);
  });
  scope.effect(() => {
    input.checked = setting.value && !hover.isOff.value;
  });
  return element;
}
