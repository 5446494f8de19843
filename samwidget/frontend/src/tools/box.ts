// Tool: drag a box around something. Also what a drag does in the point tools.

import type { Box } from "../protocol.ts";
import type { Spot } from "../stage/stage.ts";
import { boxBetween, distance, intoImage } from "../viewport.ts";
import { startOnPrompt } from "./handles.ts";
import { type Desk, DRAG_ABOVE_PX, type Gesture, type Press, type Tool } from "./tool.ts";

export const box: Tool = {
  cursor: "crosshair",
  hint: ({ state }) =>
    state.corner.value ? "Move the crosshair · Space sets the other corner" : "Drag a box around an object",
  press: (press, desk) => startOnPrompt(press, desk) ?? startBox(press, desk),
};

/** Draws a box; a press that does not become a drag calls `onClick`. */
export function startBox(press: Press, desk: Desk, onClick: (spot: Spot, at_ms: number) => void = () => {}): Gesture {
  const { state, session } = desk;
  let isDragged = false;
  const drawn = (spot: Spot): Box | null => {
    const size = session.photo.value?.size;
    if (!size) return null;
    const [x0, y0, x1, y1] = boxBetween(intoImage(size, press.image), intoImage(size, spot.image));
    return x0 < x1 && y0 < y1 ? [x0, y0, x1, y1] : null;
  };
  return {
    move(spot) {
      isDragged ||= distance(spot.screen, press.screen) > DRAG_ABOVE_PX;
      const found = isDragged ? drawn(spot) : null;
      state.draft.value = found ? { kind: "box", box: found } : null;
    },
    end(spot, at_ms) {
      const found = isDragged ? drawn(spot) : null;
      if (found) desk.intend({ kind: "add_box", box: found }, at_ms);
      else if (!isDragged) onClick(spot, at_ms);
      state.draft.value = null;
    },
    cancel() {
      state.draft.value = null;
    },
  };
}
