// Tools: click what belongs to the object, or what does not; a drag draws a box instead.

import type { Label } from "../protocol.ts";
import type { Spot } from "../stage/stage.ts";
import { distance, isInside, type Point, toScreen } from "../viewport.ts";
import { startBox } from "./box.ts";
import { startOnPrompt } from "./handles.ts";
import type { Desk, Gesture, Press, Tool } from "./tool.ts";

/** A click this near to the preview's point, or to where it was pressed, CSS pixels, means that point. */
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

function startPoint(press: Press, desk: Desk, toolLabel: Label): Gesture {
  const label = press.isSecondary ? 0 : press.hasShift ? 1 : toolLabel;
  const meant = prepare(press, desk, label);
  const click = (spot: Spot, at_ms: number) => {
    const isSame = meant && distance(press.screen, spot.screen) <= SAME_PLACE_PX;
    addPoint(isSame ? meant : spot.image, label, desk, at_ms);
  };
  return press.isSecondary ? { move() {}, end: click, cancel() {} } : startBox(press, desk, click);
}

/** Lets the kernel begin with what the press will ask if it becomes a click; null where it must not. */
function prepare({ image, screen }: Press, { session, state, hover }: Desk, label: Label): Point | null {
  const size = session.photo.value?.size;
  if (!size || !isInside(size, image)) return null;
  const near = (at: Point) => distance(toScreen(state.viewport.value, at), screen) <= SAME_PLACE_PX;
  const previewed = label === 1 && !state.active.value ? hover.places.find(near) : undefined;
  if (previewed) return previewed;
  const isIdle = session.status.value.phase === "ready" && session.link.pending.value.length === 0;
  if (!session.settings.hover.value || !isIdle) return null;
  hover.prepare(image, label);
  return image;
}

/** Asks for a point at `at`, image pixels; one outside the photo is no prompt. */
export function addPoint(at: Point, label: Label, desk: Desk, at_ms?: number): void {
  const size = desk.session.photo.value?.size;
  if (size && isInside(size, at)) desk.intend({ kind: "add_point", x: at.x, y: at.y, label }, at_ms);
}
