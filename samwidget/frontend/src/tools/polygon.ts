// Tools: lasso and polygon. A free line, or one from corner to corner; what it encloses goes to the mask of the active
// object, or is taken away from it.

import { beginErasing, closePolygon, fillPolygon } from "../commands/drawing.ts";
import type { View } from "../view.ts";
import { distance, intoImage, type Point, type Position, toScreen } from "../viewport.ts";
import { DRAG_ABOVE_PX, type Gesture, lineGesture, NO_GESTURE, type Press, type Tool } from "./tool.ts";

const REACH_PX = 9;
const REACH_TOUCH_PX = 16;

export const lasso: Tool = {
  cursor: "crosshair",
  hint: ({ state }) =>
    state.polygon.value
      ? cornerHint(state.polygon.value.points.length)
      : "Draw around what belongs to it · Alt takes it away",
  press: startLasso,
  useAt: (at, view) => addCorner(at, view, false),
};

export const polygon: Tool = {
  cursor: "crosshair",
  hint: ({ state }) => cornerHint(state.polygon.value?.points.length ?? 0),
  press: startCorner,
  useAt: (at, view) => addCorner(at, view, false),
};

function cornerHint(count: number): string {
  if (count === 0) return "Click from corner to corner · Alt takes away";
  if (count < 3) return "Click the next corner · Backspace takes one back · Esc drops it";
  return "Enter or double-click closes it · Backspace takes a corner back";
}

function startLasso(press: Press, view: View): Gesture {
  const { state, session } = view;
  const size = session.photo.value?.size;
  if (!size || (press.isSecondary && !beginErasing(view, press.image))) return NO_GESTURE;
  const points = [intoImage(size, press.image)];
  let isDragged = false;
  const add = (position: Position) => {
    isDragged ||= distance(position.screen, press.screen) > DRAG_ABOVE_PX;
    points.push(intoImage(size, position.image));
    if (isDragged) state.draft.value = { kind: "lasso", points, isErased: press.isSecondary };
  };
  return lineGesture(state.draft, add, (at_ms) => {
    if (isDragged) fillPolygon(view, points, press.isSecondary, at_ms);
  });
}

/** A press on a corner moves it; on the first or the last one, a click closes the polygon; elsewhere it adds a corner. */
function startCorner(press: Press, view: View): Gesture {
  const { state, session } = view;
  const size = session.photo.value?.size;
  if (!size) return NO_GESTURE;
  const drawn = state.polygon.value;
  const reach = press.isTouch ? REACH_TOUCH_PX : REACH_PX;
  const hit = drawn?.points.findLastIndex((at) => distance(toScreen(state.viewport.value, at), press.screen) <= reach);
  if (!drawn || hit === undefined || hit < 0) {
    if (!drawn && press.isSecondary && !beginErasing(view, press.image)) return NO_GESTURE;
    return movedCorner(view, press, addCorner(press.image, view, press.isSecondary), drawn);
  }
  const isEnd = drawn.points.length > 2 && (hit === 0 || hit === drawn.points.length - 1);
  return movedCorner(view, press, hit, drawn, isEnd);
}

/** Moves the corner of index `moved`; `before` comes back where the gesture is cancelled. */
function movedCorner(
  view: View,
  press: Press,
  moved: number,
  before: View["state"]["polygon"]["value"],
  isClosing = false,
): Gesture {
  const { state, session } = view;
  let isDragged = false;
  return {
    move(position) {
      const size = session.photo.value?.size;
      const drawn = state.polygon.value;
      isDragged ||= distance(position.screen, press.screen) > DRAG_ABOVE_PX;
      if (!isDragged || !drawn || !size) return;
      state.polygon.value = { ...drawn, points: drawn.points.with(moved, intoImage(size, position.image)) };
    },
    end(_, at_ms) {
      if (isClosing && !isDragged) closePolygon(view, at_ms);
    },
    cancel() {
      state.polygon.value = before;
    },
  };
}

/** Adds a corner at `at`, image pixels; returns its index. */
function addCorner(at: Point, { state, session }: View, isErased: boolean): number {
  const size = session.photo.value?.size;
  const drawn = state.polygon.value ?? { points: [], isErased: false };
  const points = size ? [...drawn.points, intoImage(size, at)] : drawn.points;
  state.polygon.value = { points, isErased: drawn.isErased || isErased };
  return points.length - 1;
}
