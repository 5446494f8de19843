// Tool: drag a box around an object. The point tools draw the same box when a press becomes a drag.

import type { Box } from "../protocol.ts";
import type { View } from "../view.ts";
import { boxBetween, distance, intoImage, type Point, type Position } from "../viewport.ts";
import { startOnPrompt } from "./handles.ts";
import { DRAG_ABOVE_PX, type Gesture, type Press, type Tool } from "./tool.ts";

export const box: Tool = {
  cursor: "crosshair",
  hint: ({ state }) =>
    state.corner.value ? "Move the crosshair · Space sets the other corner" : "Drag a box around an object",
  press: (press, view) => startOnPrompt(press, view) ?? startBox(press, view),
  useAt: placeCorner,
};

/** Draws a box; a press that does not become a drag calls `onClick`. */
export function startBox(
  press: Press,
  view: View,
  onClick: (position: Position, at_ms: number) => void = () => {},
): Gesture {
  const { state, session } = view;
  let isDragged = false;
  const boxTo = (position: Position): Box | null => {
    const size = session.photo.value?.size;
    if (!size) return null;
    const [x0, y0, x1, y1] = boxBetween(intoImage(size, press.image), intoImage(size, position.image));
    return x0 < x1 && y0 < y1 ? [x0, y0, x1, y1] : null;
  };
  return {
    move(position) {
      isDragged ||= distance(position.screen, press.screen) > DRAG_ABOVE_PX;
      const drawn = isDragged ? boxTo(position) : null;
      state.draft.value = drawn ? { kind: "box", box: drawn } : null;
    },
    end(position, at_ms) {
      const drawn = isDragged ? boxTo(position) : null;
      if (drawn) view.request({ kind: "add_box", box: drawn }, at_ms);
      else if (!isDragged) onClick(position, at_ms);
      state.draft.value = null;
    },
    cancel() {
      state.draft.value = null;
    },
  };
}

/** Places the first corner of a box, or the second one, which adds the box. */
function placeCorner(at: Point, view: View, at_ms: number): void {
  const { corner } = view.state;
  const first = corner.value;
  corner.value = first ? null : at;
  if (!first) return;
  const [x0, y0, x1, y1] = boxBetween(first, at);
  if (x0 < x1 && y0 < y1) view.request({ kind: "add_box", box: [x0, y0, x1, y1] }, at_ms);
}
