// Tool: a line through what belongs to the object, or with Alt through what does not; the kernel makes points of the prompt
// of it. A click is one point.

import { scribble as send } from "../commands/drawing.ts";
import type { Label } from "../protocol.ts";
import type { View } from "../view.ts";
import { intoImage, isInside, type Position } from "../viewport.ts";
import { type Gesture, lineGesture, NO_GESTURE, type Press, type Tool } from "./tool.ts";

export const scribble: Tool = {
  cursor: "crosshair",
  hint: () => "Draw a line through the object · Alt draws through what does not belong to it",
  press: (press, view) => startScribble(press, view, press.isSecondary ? 0 : 1),
  useAt: (at, view, at_ms) => send(view, [at], 1, at_ms),
};

function startScribble(press: Press, view: View, label: Label): Gesture {
  const { state, session } = view;
  const size = session.photo.value?.size;
  if (!size || !isInside(size, press.image)) return NO_GESTURE;
  const points = [press.image];
  const add = ({ image }: Position) => {
    points.push(intoImage(size, image));
    state.draft.value = { kind: "scribble", points, label };
  };
  add(press);
  return lineGesture(state.draft, add, (at_ms) => send(view, points, label, at_ms));
}
