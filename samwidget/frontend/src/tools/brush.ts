// Tools: a drag paints the mask of the active object, or erases it. The stroke is on the screen at once
// (stage/corrections.ts); the kernel settles it when the pointer is lifted.

import { beginErasing, brushSize, paint } from "../commands/drawing.ts";
import type { Stroke } from "../corrections.ts";
import type { View } from "../view.ts";
import type { Point, Position } from "../viewport.ts";
import { type Gesture, lineGesture, NO_GESTURE, type Press, type Tool } from "./tool.ts";

/** A pen paints from this part of the brush's size on, up to this plus twice the rest. */
const LIGHTEST = 0.4;
/** Steps of a pen's pressure: each one draws the whole stroke anew. */
const PRESSURE_STEPS = 20;

export const brush = brushTool(false, "Paint to add", "Alt paints away");
export const eraser = brushTool(true, "Rub to take away", "Alt paints to add");

function brushTool(isEraser: boolean, action: string, other: string): Tool {
  return {
    cursor: "none",
    // The brackets stay on one line.
    hint: () => `${action} · ${other} · [\u00a0] change the size`,
    press: (press, view) => startStroke(press, view, isEraser !== press.isSecondary),
    useAt(at, view, at_ms) {
      if (!isEraser || beginErasing(view, at)) paint(view, [at], brushSize(view) / 2, isEraser, at_ms);
    },
  };
}

function startStroke(press: Press, view: View, isErased: boolean): Gesture {
  if (isErased && !beginErasing(view, press.image)) return NO_GESTURE;
  const { stroke } = view.state;
  const points: Point[] = [];
  let share = 0;
  const radius = () => (share * brushSize(view)) / 2;
  const add = ({ image, pressure }: Position) => {
    // One stroke has one radius: that of the hardest pressure.
    share = Math.max(share, shareOf(pressure));
    const last = points.at(-1);
    if (last?.x !== image.x || last.y !== image.y) points.push(image);
    stroke.value = { kind: "stroke", points, radius: radius(), isErased } satisfies Stroke;
  };
  add(press);
  return lineGesture(stroke, add, (at_ms) => paint(view, points, radius(), isErased, at_ms));
}

/** The part of the brush's size that a pen paints with; 1 without a pen. */
function shareOf(pressure: number | undefined): number {
  if (pressure === undefined) return 1;
  return LIGHTEST + 2 * (1 - LIGHTEST) * (Math.round(pressure * PRESSURE_STEPS) / PRESSURE_STEPS);
}
