// Tool: drag the corners of the active object's outline. A press on an edge adds a corner there, Alt-click removes one;
// elsewhere a click selects an object, and a drag moves the photo, as with Select.

import { removeSelectedCorner } from "../commands/outline.ts";
import {
  type CornerIndex,
  cornerAt,
  type Edge,
  edgeAt,
  isChanged,
  withCornerAdded,
  withCornerMoved,
} from "../outline.ts";
import type { View } from "../view.ts";
import { distance, intoImage, type Point, type Position, toScreen } from "../viewport.ts";
import { select } from "./select.ts";
import { DRAG_ABOVE_PX, type Gesture, type Press, type Tool } from "./tool.ts";

/** CSS pixels from a corner, and from an edge: a corner is hit first. */
const REACH_PX = { corner: 9, edge: 6 };
const REACH_TOUCH_PX = { corner: 18, edge: 14 };

export const outline: Tool = {
  cursor: "default",
  hint: outlineHint,
  cursorAt: ({ screen }, view) => {
    const hit = hitAt(screen, view, false);
    return hit ? ("at" in hit ? "copy" : "move") : null;
  },
  press: (press, view) => startOnCorner(press, view) ?? select.press(press, view),
  useAt: useAtCrosshair,
};

function outlineHint({ state }: View): string {
  const active = state.active.value;
  const drawn = state.outline.value;
  if (!active) return "Click an object to see the corners of its outline";
  if (active.locked) return "It is locked · Ctrl + L unlocks it";
  if (drawn && isChanged(drawn)) return "Enter keeps the outline · Esc leaves the mask as it was";
  return "Drag a corner · click the outline to add one · Alt-click removes one";
}

/** What a press at `screen`, CSS pixels, takes: a corner, or else an edge. */
function hitAt(screen: Point, { state }: View, isTouch: boolean): CornerIndex | Edge | null {
  const drawn = state.outline.value;
  const reach = isTouch ? REACH_TOUCH_PX : REACH_PX;
  const viewport = state.viewport.value;
  if (!drawn || drawn.mask !== state.active.value?.mask) return null;
  return cornerAt(drawn, viewport, screen, reach.corner) ?? edgeAt(drawn, viewport, screen, reach.edge);
}

function startOnCorner(press: Press, view: View): Gesture | null {
  const { session, state } = view;
  const size = session.photo.value?.size;
  const before = state.outline.value;
  const hit = hitAt(press.screen, view, press.isTouch);
  if (!before || !hit || !size) return null;
  if (press.isSecondary) return "at" in hit ? null : removing(view, hit);
  const isNew = "at" in hit;
  const drawn = isNew ? withCornerAdded(before, hit) : { ...before, selected: hit };
  state.outline.value = drawn;
  let isDragged = false;
  return {
    move(position: Position) {
      isDragged ||= distance(position.screen, press.screen) > DRAG_ABOVE_PX;
      if (!isDragged || !drawn.selected) return;
      const moved = withCornerMoved(drawn, drawn.selected, intoImage(size, position.image));
      // A corner that is added and dragged at once is one edit.
      state.outline.value = { ...moved, before };
    },
    end() {},
    cancel() {
      state.outline.value = before;
    },
  };
}

/** An Alt-click, which removes a corner when it is let go. */
function removing(view: View, corner: CornerIndex): Gesture {
  return {
    move() {},
    end() {
      const { outline } = view.state;
      if (outline.value) outline.value = { ...outline.value, selected: corner };
      removeSelectedCorner(view);
    },
    cancel() {},
  };
}

/** Selects a corner, or adds one; elsewhere moves the one that is selected there. */
function useAtCrosshair(at: Point, view: View, at_ms: number): void {
  const { outline, viewport } = view.state;
  const drawn = outline.value;
  const hit = hitAt(toScreen(viewport.value, at), view, false);
  if (!drawn) select.useAt(at, view, at_ms);
  else if (hit && !("at" in hit)) outline.value = { ...drawn, selected: hit };
  else if (drawn.selected) outline.value = { ...withCornerMoved(drawn, drawn.selected, at), selected: null };
  else if (hit) outline.value = withCornerAdded(drawn, hit);
  else select.useAt(at, view, at_ms);
}
