// Tool: a click on a mask makes its object active again, a click beside all masks accepts the active object; a drag moves
// the photo.

import { objectAt } from "../stage/hit.ts";
import type { View } from "../view.ts";
import type { Point } from "../viewport.ts";
import { startOnPrompt } from "./handles.ts";
import { startClickOrPan } from "./pan.ts";
import type { Tool } from "./tool.ts";

export const select: Tool = {
  cursor: "default",
  hint: () => "Click a mask to refine it · double-click a name to rename",
  press: (press, view) =>
    startOnPrompt(press, view) ?? startClickOrPan(press, view, ({ image }, at_ms) => selectAt(image, view, at_ms)),
  useAt: selectAt,
};

/** Selects the uppermost object at `at`, image pixels; beside all objects the active one is accepted. */
function selectAt(at: Point, view: View, at_ms: number): void {
  const { session, state } = view;
  const hit = objectAt(at, session.document.value, session.masks, session.settings.threshold.value);
  const active = state.active.value;
  if (hit) {
    if (hit.id !== active?.id) view.request({ kind: "select", object: hit.id }, at_ms);
  } else if (active) {
    view.request({ kind: "accept" }, at_ms);
  }
}
