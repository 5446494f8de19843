// A press that becomes a drag draws a box: with the box tool, and with the tools of points.

import type { Box } from "../protocol.ts";
import type { View } from "../view.ts";
import { boxBetween, distance, intoImage, type Position } from "../viewport.ts";
import { DRAG_ABOVE_PX, type Gesture, type Press } from "./tool.ts";

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
