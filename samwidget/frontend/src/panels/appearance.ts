// Panel: how masks are shown. The sliders act at once; the traits are saved a little later.

import { toggleNames } from "../commands/actions.ts";
import { h, type Scope } from "../dom.ts";
import { shortcutOf } from "../keyboard.ts";
import { slider } from "../slider.ts";
import { THRESHOLD_MAX, THRESHOLD_MIN } from "../traits.ts";
import type { View } from "../view.ts";

export function appearancePanel(view: View, scope: Scope): HTMLElement {
  const { opacity, threshold } = view.session.settings;
  return h(
    "div",
    { class: "sw-appearance" },
    slider(
      {
        name: "opacity",
        label: "Opacity",
        hint: "Opacity of the masks. Double-click to reset.",
        min: 0,
        max: 100,
        step: 1,
        initial: 45,
        position: () => Math.round(opacity.value * 100),
        move: (position) => opacity.set(position / 100),
        settle: () => opacity.flush(),
        text: (position) => `${position}%`,
      },
      scope,
    ),
    slider(
      {
        name: "threshold",
        label: "Threshold",
        hint: "A lower threshold makes masks larger, a higher one smaller. The model uses 0. Double-click to reset.",
        min: THRESHOLD_MIN,
        max: THRESHOLD_MAX,
        step: 0.1,
        initial: 0,
        position: () => threshold.value,
        move: (position) => threshold.set(position),
        settle: () => threshold.flush(),
        text: (position) => (position > 0 ? "+" : position < 0 ? "−" : "") + Math.abs(position).toFixed(1),
      },
      scope,
    ),
    h("div", { class: "sw-switches" }, hoverSwitch(view, scope), namesSwitch(view, scope)),
  );
}

function hoverSwitch({ session, hover }: View, scope: Scope): HTMLElement {
  const setting = session.settings.hover;
  const { element, input } = switchOf("hover", "Hover preview", "Show the mask under the pointer before a click");
  scope.listen(input, "change", () => {
    hover.restart();
    setting.set(input.checked);
  });
  scope.effect(() => {
    input.checked = setting.value && !hover.isOff.value;
  });
  return element;
}

function namesSwitch(view: View, scope: Scope): HTMLElement {
  const { element, input } = switchOf("names", "Names", "Show the names of all objects on the image");
  scope.listen(input, "change", () => toggleNames(view));
  scope.effect(() => {
    input.checked = view.state.areNamesShown.value;
  });
  return element;
}

function switchOf(action: string, label: string, hint: string): { element: HTMLElement; input: HTMLInputElement } {
  const input = h("input", { class: "sw-switch", type: "checkbox", role: "switch", "data-sw": `${action}-toggle` });
  const attributes = { class: "sw-setting sw-setting-switch", title: `${hint} (${shortcutOf(action)})` };
  return { element: h("label", attributes, h("span", {}, label), input), input };
}
