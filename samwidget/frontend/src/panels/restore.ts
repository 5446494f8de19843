// Panel: offers to make the objects of an earlier widget of the same image again, in the list while it is empty.

import { restoreObjects } from "../commands/saving.ts";
import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { shortcutOf } from "../keyboard.ts";
import type { View } from "../view.ts";

export function restorePanel(view: View, scope: Scope): HTMLElement {
  const { earlier } = view.session;
  const button = h("button", { class: "sw-restore", type: "button", "data-sw": "restore" });
  const note = h("p", { class: "sw-restore-note" });
  const element = h("div", { class: "sw-earlier", role: "status", "data-sw": "earlier" }, button, note);
  scope.listen(button, "click", () => restoreObjects(view));
  scope.effect(() => {
    const before = earlier.value;
    element.hidden = before === null;
    if (!before) return;
    const count = before.prompts.length;
    setText(button, `Restore ${count} ${count === 1 ? "object" : "objects"}`);
    setAttribute(button, "title", `Make them again from their clicks and boxes (${shortcutOf("restore")})`);
    setText(note, noteOf(before.lostCount));
  });
  return element;
}

function noteOf(lostCount: number): string {
  const lost = { 0: "", 1: " One more was drawn or corrected by hand: only a session file keeps such." }[lostCount];
  const many = ` ${lostCount} more were drawn or corrected by hand: only a session file keeps such.`;
  return `They were made here before, with clicks and boxes.${lost ?? many}`;
}
