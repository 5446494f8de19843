// Tools: click what belongs to the object, or what does not; a drag draws a box instead.

import type { Label } from "../protocol.ts";
import type { Spot } from "../stage/stage.ts";
import { distance, isInside, type Point, toScreen } from "../viewport.ts";
import { startBox } from "./box.ts";
import { startOnPrompt } from "./handles.ts";
import type { Desk, Gesture, Press, Tool } from "./tool.ts";

/** A click this near to the preview's point, CSS pixels, means what the preview shows. */
const SAME_PLACE_PX = 3;

export const include = pointTool(1, "Click to include · right-click to exclude");
export const exclude = pointTool(0, "Click to exclude · Shift-click to include");

function pointTool(label: Label, clicks: string): Tool {
  return {
    cursor: "crosshair",
    hint: ({ state }) => `${clicks} · ${state.active.value ? "Enter for the next object" : "drag for a box"}`,
    press: (press, desk) => startOnPrompt(press, desk) ?? startPoint(press, desk, label),
  };
}

function startPoint(press: Press, desk: Desk, label: Label): Gesture {
  if (!press.isSecondary) {
    return startBox(press, desk, (spot, at_ms) => addPoint(spot.image, press.hasShift ? 1 : label, desk, at_ms));
  }
  return {
    move() {},
    end: (spot: Spot, at_ms) => addPoint(spot.image, 0, desk, at_ms),
    cancel() {},
  };
}

/** Asks for a point at `at`, image pixels; one outside the photo is no prompt. */
export function addPoint(at: Point, label: Label, desk: Desk, at_ms?: number): void {
  const size = desk.session.photo.value?.size;
  if (!size || !isInside(size, at)) return;
  const view = desk.state.viewport.value;
  const previewed = label === 1 && !desk.state.active.value ? desk.hover.preview.value?.at : undefined;
  const isSame = previewed && distance(toScreen(view, previewed), toScreen(view, at)) <= SAME_PLACE_PX;
  const point = isSame ? previewed : at;
  desk.intend({ kind: "add_point", x: point.x, y: point.y, label }, at_ms);
}
