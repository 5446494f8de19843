// Panel: how many masks of many prompts are made, in the middle of the status bar, with a button that stops it. The kernel
// works at the request of Python: docs/protocol.md, `making`.

import { signal } from "@preact/signals-core";

import { stopMaking } from "../commands/document.ts";
import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { leaveHidden } from "../focus.ts";
import { formatCount } from "../numbers.ts";
import type { View } from "../view.ts";

export function makingPanel(view: View, scope: Scope): HTMLElement {
  const { status, link } = view.session;
  const isStopping = signal(false);
  const text = h("span", {
    role: "progressbar",
    "aria-label": "Making masks",
    "data-sw": "making",
    "aria-valuemin": 0,
  });
  const stop = h("button", {
    class: "sw-stop",
    type: "button",
    "data-sw": "stop-making",
    title: "Stop: no object is added (Esc)",
  });
  const bar = h("i", { class: "sw-making-bar" });
  const element = h("span", { class: "sw-making", hidden: true }, text, stop, bar);
  scope.listen(stop, "click", () => {
    isStopping.value = stopMaking(view);
  });
  scope.watch([status, isStopping, link.isBusy], ({ making }, isAsked, isBusy) => {
    element.hidden = !making;
    leaveHidden(view, [element]);
    if (!making) {
      isStopping.value = false;
      return;
    }
    const { done, total } = making;
    const count = `Making masks: ${formatCount(done)} of ${formatCount(total)}`;
    // A kernel that runs a cell hears of no request before the cell ends.
    setText(text, isAsked && isBusy ? "A cell is running: the notebook's own Stop button ends it" : count);
    setText(stop, isAsked ? "Stopping…" : "Stop");
    setAttribute(text, "aria-valuemax", String(total));
    setAttribute(text, "aria-valuenow", String(done));
    bar.style.transform = `scaleX(${done / total})`;
  });
  return element;
}
