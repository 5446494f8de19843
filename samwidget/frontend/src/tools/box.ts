// Tool: drag a box around an object; a right-click excludes a point, as with the tools of points.

import type { View } from "../view.ts";
import { boxBetween, type Point } from "../viewport.ts";
import { startBox } from "./box_drag.ts";
import { startOnPrompt } from "./handles.ts";
import { startPoint } from "./point.ts";
import type { Tool } from "./tool.ts";

export const box: Tool = {
  cursor: "crosshair",
  hint: ({ state }) =>
    state.corner.value
      ? "Move the crosshair · Space sets the other corner"
      : "Drag a box around an object · right-click to exclude",
  press: (press, view) =>
    startOnPrompt(press, view) ?? (press.isSecondary ? startPoint(press, view, 0) : startBox(press, view)),
  useAt: placeCorner,
};

/** Places the first corner of a box, or the second one, which adds the box. */
function placeCorner(at: Point, view: View, at_ms: number): void {
  const { corner } = view.state;
  const first = corner.value;
  corner.value = first ? null : at;
  if (!first) return;
  const [x0, y0, x1, y1] = boxBetween(first, at);
  if (x0 < x1 && y0 < y1) view.request({ kind: "add_box", box: [x0, y0, x1, y1] }, at_ms);
}
