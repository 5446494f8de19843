// Tool: drag the photo. Also what the middle button and the space bar do in every tool.

import type { Spot } from "../stage/stage.ts";
import { distance, panBy } from "../viewport.ts";
import { type Desk, DRAG_ABOVE_PX, type Gesture, type Press, type Tool } from "./tool.ts";

export const pan: Tool = {
  cursor: "grab",
  hint: () => "Drag to move the photo · Ctrl + wheel zooms",
  press: startPan,
};

/** A press that becomes a drag moves the photo; one that does not calls `onClick`. */
export function startClickOrPan(press: Press, desk: Desk, onClick: (spot: Spot, at_ms: number) => void): Gesture {
  let panning: Gesture | null = null;
  return {
    move(spot) {
      if (!panning && distance(spot.screen, press.screen) > DRAG_ABOVE_PX) panning = startPan(press, desk);
      panning?.move(spot);
    },
    end(spot, at_ms) {
      if (panning) panning.end(spot, at_ms);
      else onClick(spot, at_ms);
    },
    cancel() {
      panning?.cancel();
    },
  };
}

export function startPan(press: Press, desk: Desk): Gesture {
  const { state, session } = desk;
  let last = press.screen;
  state.isPanning.value = true;
  return {
    move(spot: Spot) {
      const photo = session.photo.value;
      if (!photo) return;
      const by = { x: spot.screen.x - last.x, y: spot.screen.y - last.y };
      last = spot.screen;
      if (by.x === 0 && by.y === 0) return;
      state.isFitted.value = false;
      state.viewport.value = panBy(state.viewport.value, by, photo.size, state.stage.value);
    },
    end: () => {
      state.isPanning.value = false;
    },
    cancel: () => {
      state.isPanning.value = false;
    },
  };
}
