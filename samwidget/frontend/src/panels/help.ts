// Panel: all keys and gestures, over the photo. Made from shortcuts.json, which keyboard.ts reads too.

import { closeHelp } from "../commands/actions.ts";
import { h, type Scope } from "../dom.ts";
import { icon } from "../icons.ts";
import { SHORTCUTS, type Shortcut } from "../keyboard.ts";
import type { View } from "../view.ts";

const SIGNS: Record<string, string> = {
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  Escape: "Esc",
  Delete: "Del",
  PageUp: "PgUp",
  PageDown: "PgDn",
};

export function helpPanel(view: View, scope: Scope): HTMLElement {
  const close = h("button", { class: "sw-quiet sw-close", type: "button", "aria-label": "Close help" }, icon("close"));
  const element = h(
    "div",
    {
      class: "sw-help",
      role: "dialog",
      "aria-modal": "true",
      "aria-label": "Keyboard help",
      "data-sw": "help-panel",
      hidden: true,
    },
    h(
      "div",
      { class: "sw-help-card" },
      h("div", { class: "sw-help-head" }, h("strong", {}, "Keys and gestures"), close),
      h("div", { class: "sw-help-groups" }, ...groups().map(group)),
    ),
  );
  scope.listen(close, "click", () => closeHelp(view));
  scope.listen(element, "click", (event) => {
    if (event.target === element) closeHelp(view);
  });
  scope.listen(element, "keydown", (event) => {
    // The dialog has one element that can have the focus: Tab stays on it.
    if (event.key === "Tab") event.preventDefault();
  });
  scope.effect(() => {
    const isOpen = view.state.isHelpOpen.value;
    if (element.hidden === !isOpen) return;
    element.hidden = !isOpen;
    if (isOpen) close.focus({ preventScroll: true });
  });
  return element;
}

function groups(): [string, Shortcut[]][] {
  const rows = new Map<string, Shortcut[]>();
  for (const shortcut of SHORTCUTS) rows.set(shortcut.group, [...(rows.get(shortcut.group) ?? []), shortcut]);
  return [...rows];
}

function group([name, shortcuts]: [string, Shortcut[]]): HTMLElement {
  const rows = shortcuts.flatMap(({ keys, label, gesture, does }) => [
    h("dt", {}, ...(keys && !label ? keySigns(keys) : [label ?? gesture ?? ""])),
    h("dd", {}, does),
  ]);
  return h("section", { class: "sw-help-group" }, h("h4", {}, name), h("dl", {}, ...rows));
}

function keySigns(keys: readonly string[]): HTMLElement[] {
  const isArrows = keys.some((key) => key.endsWith("ArrowUp"));
  const names = isArrows ? [keys[0]?.startsWith("Shift") ? "Shift+arrows" : "arrows"] : keys;
  return names.map((key) =>
    h(
      "span",
      { class: "sw-combination" },
      ...key.split(/\+(?=.)/).map((part) => h("kbd", { class: "sw-key" }, SIGNS[part] ?? part)),
    ),
  );
}
