// Tool: click a mask to refine it again, click beside all masks to be done; a drag moves the photo.

import { objectAt } from "../stage/hit.ts";
import type { Point } from "../viewport.ts";
import { startOnPrompt } from "./handles.ts";
import { startClickOrPan } from "./pan.ts";
import type { Desk, Tool } from "./tool.ts";

export const select: Tool = {
  cursor: "default",
  hint: () => "Click a mask to refine it · double-click a name to rename",
  press: (press, desk) =>
    startOnPrompt(press, desk) ?? startClickOrPan(press, desk, (spot, at_ms) => selectAt(spot.image, desk, at_ms)),
};

/** Selects the uppermost object at `at`, image pixels; beside all objects the active one is accepted. */
export function selectAt(at: Point, desk: Desk, at_ms?: number): void {
  const { session, state } = desk;
  const hit = objectAt(at, session.document.value, session.masks, session.settings.threshold.value);
  const active = state.active.value;
  if (hit) {
    if (hit.id !== active?.id) desk.intend({ kind: "select", object: hit.id }, at_ms);
  } else if (active) {
    desk.intend({ kind: "accept" }, at_ms);
  }
}
