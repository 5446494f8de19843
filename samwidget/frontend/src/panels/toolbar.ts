// Panel: the buttons for tools, history and view. One tab stop; arrow keys move inside (ARIA toolbar pattern). Its groups stay
// together where the bar needs two lines.

import { toggleHelp } from "../commands/actions.ts";
import { redo, startEverything, startFindSimilar, undo } from "../commands/document.ts";
import { fitPhoto } from "../commands/viewport.ts";
import { openWords, readsWords } from "../commands/words.ts";
import { h, type Scope, setAttribute } from "../dom.ts";
import { type IconName, icon } from "../icons.ts";
import { shortcutOf } from "../keyboard.ts";
import { rove } from "../rove.ts";
import { TOOL_NAMES, type ToolName } from "../traits.ts";
import type { View } from "../view.ts";
import { watchWordsPanel } from "./words.ts";

/** The tools that change a mask by hand have a group of their own. */
const MENDING: ReadonlySet<ToolName> = new Set(["brush", "eraser", "lasso", "polygon", "outline"]);

export function toolbarPanel(view: View, scope: Scope): HTMLElement {
  const { session, state } = view;
  const { tool } = session.settings;
  const tools = TOOL_NAMES.map((name) => ({ name, button: toolButton(`tool-${name}`, name, capitalised(name)) }));
  const everything = toolButton("everything", "everything", "Everything");
  const similar = toolButton("similar", "similar", "Find similar");
  const words = toolButton("words", "words", "Find by words");
  const undoButton = toolButton("undo", "undo", "Undo");
  const redoButton = toolButton("redo", "redo", "Redo");
  const fitButton = toolButton("fit", "fit", "Fit");
  const help = toolButton("help", "help", "Keyboard help");
  const group = (...buttons: HTMLElement[]) => h("div", { class: "sw-group" }, ...buttons);
  const element = h(
    "div",
    { class: "sw-toolbar", role: "toolbar", "aria-label": "Tools" },
    ...[false, true].map((isMending) =>
      group(...tools.filter(({ name }) => MENDING.has(name) === isMending).map(({ button }) => button)),
    ),
    group(everything, similar),
    group(undoButton, redoButton),
    group(fitButton, help),
  );

  // Until the found objects are kept or discarded, clicks are for them: no other tool is in use then.
  const isChoosing = () => session.everything.isOpen.value;
  for (const { name, button } of tools) {
    scope.listen(button, "click", () => tool.set(name));
    scope.effect(() => setAttribute(button, "aria-pressed", String(tool.value === name && !isChoosing())));
  }
  scope.listen(everything, "click", () => startEverything(view));
  scope.listen(similar, "click", () => startFindSimilar(view));
  scope.listen(words, "click", () => openWords(view));
  const searches = { everything, similar, words } as const;
  for (const [kind, button] of Object.entries(searches)) {
    const isPresent = () => isChoosing() && session.everything.kind.value === kind;
    scope.effect(() => setAttribute(button, "aria-pressed", String(isPresent())));
  }
  // Taken out, not hidden: the arrow keys would stop at a hidden button.
  scope.effect(() => (readsWords(view) ? similar.after(words) : words.remove()));
  watchWordsPanel(view, words, scope);
  scope.listen(undoButton, "click", () => undo(view));
  scope.listen(redoButton, "click", () => redo(view));
  scope.listen(fitButton, "click", () => fitPhoto(view));
  scope.listen(help, "click", () => toggleHelp(view));
  // aria-disabled, not disabled: a disabled button loses the focus, and the keys would stop working.
  scope.effect(() => setAttribute(undoButton, "aria-disabled", String(!session.document.value.can_undo)));
  scope.effect(() => setAttribute(redoButton, "aria-disabled", String(!session.document.value.can_redo)));
  scope.effect(() => setAttribute(help, "aria-expanded", String(state.isHelpOpen.value)));
  rove(element, () => tools[1]?.button, scope);
  return element;
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** A button with the icon and the key of `action`. */
function toolButton(dataName: string, action: IconName, label: string): HTMLButtonElement {
  const key = shortcutOf(action);
  const text = key ? `${label} (${key})` : label;
  return h(
    "button",
    { class: "sw-tool", type: "button", "data-sw": dataName, "aria-label": text, "data-tip": text, tabindex: -1 },
    icon(action),
  );
}
