// Tool: drag the photo. The middle button and the space bar do the same in every tool.

import type { View } from "../view.ts";
import { distance, type Position, panBy } from "../viewport.ts";
import { DRAG_ABOVE_PX, type Gesture, type Press, type Tool } from "./tool.ts";

export const pan: Tool = {
  cursor: "grab",
  hint: () => "Drag to move the image · Ctrl + wheel zooms",
  press: startPan,
  // With this tool the arrow keys move the photo, and the space bar does nothing.
  useAt: () => {},
};

/** A press that becomes a drag moves the photo; one that does not calls `onClick`. */
export function startClickOrPan(
  press: Press,
  view: View,
  onClick: (position: Position, at_ms: number) => void,
): Gesture {
  let panning: Gesture | null = null;
  return {
    move(position) {
      if (!panning && distance(position.screen, press.screen) > DRAG_ABOVE_PX) panning = startPan(press, view);
      panning?.move(position);
    },
    end(position, at_ms) {
      if (panning) panning.end(position, at_ms);
      else onClick(position, at_ms);
    },
    cancel() {
      panning?.cancel();
    },
  };
}

export function startPan(press: Press, { state, session }: View): Gesture {
  let last = press.screen;
  state.isPanning.value = true;
  return {
    move({ screen }) {
      const photo = session.photo.value;
      if (!photo) return;
      const by = { x: screen.x - last.x, y: screen.y - last.y };
      last = screen;
      if (by.x === 0 && by.y === 0) return;
      state.isFitted.value = false;
      state.viewport.value = panBy(state.viewport.value, by, photo.size, state.stageSize.value);
    },
    end: () => {
      state.isPanning.value = false;
    },
    cancel: () => {
      state.isPanning.value = false;
    },
  };
}
