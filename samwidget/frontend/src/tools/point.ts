// Tools: a click includes or excludes a point of the image; a drag draws a box instead.

import type { Label } from "../protocol.ts";
import type { View } from "../view.ts";
import { distance, isInside, type Point, type Position, toScreen } from "../viewport.ts";
import { startBox } from "./box_drag.ts";
import { startOnPrompt } from "./handles.ts";
import type { Gesture, Press, Tool } from "./tool.ts";

/** A click this near to the preview's point, or to its own press, CSS pixels, counts as a click on that point. */
const SAME_POINT_PX = 3;

export const include = pointTool(1, "Click to include · right-click to exclude");
export const exclude = pointTool(0, "Click to exclude · Shift-click to include");

function pointTool(label: Label, clicks: string): Tool {
  return {
    cursor: "crosshair",
    hint: ({ state }) => `${clicks} · ${state.active.value ? "type its name · Enter for the next" : "drag for a box"}`,
    press: (press, view) => startOnPrompt(press, view) ?? startPoint(press, view, label),
    useAt: (at, view, at_ms) => addPoint(at, label, view, at_ms),
  };
}

/** Adds a point of the tool's label at a click; the right button always excludes. */
export function startPoint(press: Press, view: View, toolLabel: Label): Gesture {
  const label = press.isSecondary ? 0 : press.hasShift ? 1 : toolLabel;
  const prepared = prepare(press, view, label);
  const click = ({ screen, image }: Position, at_ms: number) => {
    const isSame = prepared && distance(press.screen, screen) <= SAME_POINT_PX;
    addPoint(isSame ? prepared : image, label, view, at_ms);
  };
  return press.isSecondary ? { move() {}, end: click, cancel() {} } : startBox(press, view, click);
}

/**
 * Asks for the mask of a click already at the press, so that the kernel has it when the button is released. Returns the
 * point that the kernel works on, image pixels; null where it is not asked.
 */
function prepare({ image, screen }: Press, { session, state, hover }: View, label: Label): Point | null {
  const size = session.photo.value?.size;
  if (!size || !isInside(size, image)) return null;
  const isNear = (at: Point) => distance(toScreen(state.viewport.value, at), screen) <= SAME_POINT_PX;
  const previewed = label === 1 && !state.active.value ? hover.points.find(isNear) : undefined;
  if (previewed) return previewed;
  const isIdle = session.status.value.phase === "ready" && session.link.pending.value.length === 0;
  if (!session.settings.hover.value || !isIdle) return null;
  hover.prepare(image, label);
  return image;
}

/** Adds a point at `at`, image pixels, to the active object; a point outside the image is ignored. */
function addPoint(at: Point, label: Label, view: View, at_ms: number): void {
  const size = view.session.photo.value?.size;
  if (size && isInside(size, at)) view.request({ kind: "add_point", x: at.x, y: at.y, label }, at_ms);
}
