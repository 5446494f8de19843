// Panel: the rail of tools, history and view buttons. One tab stop; arrow keys move inside (ARIA toolbar pattern).

import { h, type Scope, setAttribute } from "../dom.ts";
import { type IconName, icon } from "../icons.ts";
import { shortcutOf } from "../keyboard.ts";
import type { Session } from "../session.ts";
import type { ViewState } from "../state.ts";
import type { ToolName } from "../traits.ts";

const TOOLS: readonly { name: ToolName; label: string }[] = [
  { name: "select", label: "Select" },
  { name: "include", label: "Include" },
  { name: "exclude", label: "Exclude" },
  { name: "box", label: "Box" },
  { name: "pan", label: "Pan" },
];

export interface ToolbarActions {
  undo(): void;
  redo(): void;
  everything(): void;
  fit(): void;
  help(): void;
}

export function toolbar(session: Session, state: ViewState, actions: ToolbarActions, scope: Scope): HTMLElement {
  const { tool } = session.settings;
  const tools = TOOLS.map(({ name, label }) => ({ name, button: railButton(`tool-${name}`, name, label, name) }));
  const everything = railButton("everything", "everything", "Everything", "everything");
  const undo = railButton("undo", "undo", "Undo", "undo");
  const redo = railButton("redo", "redo", "Redo", "redo");
  const fit = railButton("fit", "fit", "Fit", "fit");
  const help = railButton("help", "help", "Keyboard help", "help");
  const element = h(
    "div",
    { class: "sw-rail", role: "toolbar", "aria-label": "Tools" },
    ...tools.map(({ button }) => button),
    h("span", { class: "sw-gap", role: "separator" }),
    everything,
    h("span", { class: "sw-gap", role: "separator" }),
    undo,
    redo,
    h("span", { class: "sw-spring" }),
    fit,
    help,
  );

  // Findings take the clicks until they are kept or discarded: no other tool is in hand then.
  const isFinding = () => session.findings.isOpen.value;
  for (const { name, button } of tools) {
    scope.listen(button, "click", () => tool.set(name));
    scope.effect(() => setAttribute(button, "aria-pressed", String(tool.value === name && !isFinding())));
  }
  scope.listen(everything, "click", actions.everything);
  scope.effect(() => setAttribute(everything, "aria-pressed", String(isFinding())));
  scope.listen(undo, "click", actions.undo);
  scope.listen(redo, "click", actions.redo);
  scope.listen(fit, "click", actions.fit);
  scope.listen(help, "click", actions.help);
  // aria-disabled, not disabled: a button that loses the focus when the history ends would throw the user out.
  scope.effect(() => setAttribute(undo, "aria-disabled", String(!session.document.value.can_undo)));
  scope.effect(() => setAttribute(redo, "aria-disabled", String(!session.document.value.can_redo)));
  scope.effect(() => setAttribute(help, "aria-expanded", String(state.isHelpOpen.value)));
  rove(element, tools[1]?.button, scope);
  return element;
}

function railButton(hook: string, name: IconName, label: string, action: string): HTMLButtonElement {
  const key = shortcutOf(action);
  const text = key ? `${label} (${key})` : label;
  return h(
    "button",
    { class: "sw-tool", type: "button", "data-sw": hook, "aria-label": text, "data-tip": text, tabindex: -1 },
    icon(name),
  );
}

/** Roving tabindex: the button used last is the toolbar's tab stop. */
function rove(bar: HTMLElement, first: HTMLButtonElement | undefined, scope: Scope): void {
  const buttons = [...bar.querySelectorAll("button")];
  const stopAt = (stop: HTMLButtonElement) => {
    for (const button of buttons) button.tabIndex = button === stop ? 0 : -1;
  };
  if (first) stopAt(first);
  scope.listen(bar, "focusin", (event) => {
    if (event.target instanceof HTMLButtonElement) stopAt(event.target);
  });
  scope.listen(bar, "keydown", (event) => {
    const at = buttons.findIndex((button) => button.tabIndex === 0);
    const last = buttons.length - 1;
    const next = {
      ArrowDown: at + 1,
      ArrowRight: at + 1,
      ArrowUp: at - 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    buttons[(next + buttons.length) % buttons.length]?.focus();
  });
}
