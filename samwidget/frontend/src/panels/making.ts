// Panel: how many masks of many prompts are made, in the middle of the status bar, with a button that stops it. The kernel
// works at the request of Python: docs/protocol.md, `making`.

import { stopMaking } from "../commands/document.ts";
import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { leaveHidden } from "../focus.ts";
import { formatCount } from "../numbers.ts";
import type { View } from "../view.ts";

export function makingPanel(view: View, scope: Scope): HTMLElement {
  const { status } = view.session;
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
  stop.append("Stop");
  const bar = h("i", { class: "sw-making-bar" });
  const element = h("span", { class: "sw-making", hidden: true }, text, stop, bar);
  scope.listen(stop, "click", () => stopMaking(view));
  scope.watch([status], ({ making }) => {
    element.hidden = !making;
    leaveHidden(view, [element]);
    if (!making) return;
    const { done, total } = making;
    setText(text, `Making masks: ${formatCount(done)} of ${formatCount(total)}`);
    setAttribute(text, "aria-valuemax", String(total));
    setAttribute(text, "aria-valuenow", String(done));
    bar.style.transform = `scaleX(${done / total})`;
  });
  return element;
}
