// Tool: a click on a mask makes its object active again, a click beside all masks accepts the active object; a drag moves
// the photo.

import { toggleSelected } from "../commands/selection.ts";
import { objectAt } from "../stage/hit.ts";
import type { View } from "../view.ts";
import type { Point } from "../viewport.ts";
import { startOnPrompt } from "./handles.ts";
import { startClickOrPan } from "./pan.ts";
import type { Press, Tool } from "./tool.ts";

export const select: Tool = {
  cursor: "default",
  hint: () => "Click a mask to refine it · Shift-click to select several",
  press: (press, view) =>
    startOnPrompt(press, view) ??
    startClickOrPan(press, view, ({ image }, at_ms) => clickAt(press, image, view, at_ms)),
  useAt: selectAt,
};

/** With Shift or Ctrl, selects one object more, as in the list. */
function clickAt({ hasShift, isSecondary }: Press, at: Point, view: View, at_ms: number): void {
  const { session, state } = view;
  if (hasShift || isSecondary) {
    const hit = objectAt(at, state.shownDocument.value, session.masks, session.settings.threshold.value);
    if (hit) toggleSelected(view, hit.id);
  } else {
    selectAt(at, view, at_ms);
  }
}

/** Selects the uppermost object at `at`, image pixels; beside all objects the active one is accepted. */
function selectAt(at: Point, view: View, at_ms: number): void {
  const { session, state } = view;
  const hit = objectAt(at, state.shownDocument.value, session.masks, session.settings.threshold.value);
  const active = state.active.value;
  if (hit) {
    if (hit.id !== active?.id) view.request({ kind: "select", object: hit.id }, at_ms);
  } else if (active) {
    view.request({ kind: "accept" }, at_ms);
  }
}
