// Commands of the drawing tools: the size of the brush, the object that a stroke corrects, and the polygon that is being
// drawn. Sends the corrections; tools/brush.ts and tools/polygon.ts turn gestures into them.

import { forRequest } from "../corrections.ts";
import type { Label } from "../protocol.ts";
import { objectAt } from "../stage/hit.ts";
import { DRAWING_TOOLS, type ToolName } from "../traits.ts";
import type { View } from "../view.ts";
import { longerSide, type Point } from "../viewport.ts";

/** These have a size. */
const SIZED: ReadonlySet<ToolName> = new Set(["brush", "eraser"]);
export const BRUSH_MIN = 1;
/** Parts of the photo's longer side: the size of the brush at first, and at most. */
const BRUSH_INITIAL = 0.03;
const BRUSH_MAX = 0.25;
const BRUSH_STEP = 1.25;
/** A line may be off by this much, CSS pixels, in the request: nobody sees it. */
const TOLERANCE_PX = 0.3;

/** Whether a drawing tool is in use. */
export function isDrawing({ session }: View): boolean {
  return DRAWING_TOOLS.has(session.settings.tool.value) && !session.everything.isOpen.value;
}

/** Whether a tool with a size is in use. */
export function hasBrush({ session }: View): boolean {
  return SIZED.has(session.settings.tool.value) && !session.everything.isOpen.value;
}

/** The diameter of the brush, image pixels. */
export function brushSize({ session, state }: View): number {
  const initial = Math.max(BRUSH_MIN, Math.round(longerSide(session.photo.value?.size) * BRUSH_INITIAL));
  return state.brushSize.value ?? initial;
}

/** The largest diameter that makes sense for the photo, image pixels. */
export function brushSizeMax({ session }: View): number {
  return Math.max(8, Math.round(longerSide(session.photo.value?.size) * BRUSH_MAX));
}

export function setBrushSize(view: View, size: number): void {
  view.state.brushSize.value = Math.min(brushSizeMax(view), Math.max(BRUSH_MIN, Math.round(size)));
}

/** Makes the brush larger or smaller by a step. */
export function resizeBrush(view: View, direction: 1 | -1): void {
  const size = brushSize(view);
  const next = direction > 0 ? size * BRUSH_STEP : size / BRUSH_STEP;
  setBrushSize(view, direction > 0 ? Math.max(size + 1, next) : Math.min(size - 1, next));
}

/**
 * Makes sure that there is a mask to take something away from: where no object is active, selects the one at `at`, image
 * pixels. False, with a message, where there is none.
 */
export function beginErasing(view: View, at: Point): boolean {
  const { session, state } = view;
  if (state.nextActive.value !== null) return true;
  const hit = objectAt(at, state.shownDocument.value, session.masks, session.settings.threshold.value);
  if (hit) {
    view.request({ kind: "select", object: hit.id });
    return true;
  }
  session.failure.value = {
    code: "nothing_to_erase",
    message: "There is no mask to erase from here.",
    hint: "Begin on the mask of an object, or select one first.",
  };
  return false;
}

/** Paints, or erases, a stroke of the active object; without one it begins an object. Image pixels. */
export function paint(view: View, points: readonly Point[], radius: number, isErased: boolean, at_ms: number): void {
  view.request(
    { kind: "paint", object: targetOf(view), points: onPhoto(view, points), radius, erase: isErased },
    at_ms,
  );
}

/** Adds the inside of a polygon to the active object, or takes it away; without one it begins an object. Image pixels. */
export function fillPolygon(view: View, points: readonly Point[], isErased: boolean, at_ms: number): void {
  const corners = onPhoto(view, points);
  if (corners.length < 3) return;
  view.request({ kind: "fill_polygon", object: targetOf(view), points: corners, erase: isErased }, at_ms);
}

/** Makes a stroke, image pixels, points of the active object's prompt. */
export function scribble(view: View, points: readonly Point[], label: Label, at_ms: number): void {
  view.request({ kind: "scribble", points: onPhoto(view, points), label }, at_ms);
}

/** Ends the polygon that is being drawn, and takes its inside; false where there is none. */
export function closePolygon(view: View, at_ms = performance.now()): boolean {
  const { polygon } = view.state;
  const drawn = polygon.value;
  if (!drawn) return false;
  if (drawn.points.length < 3) return true;
  fillPolygon(view, drawn.points, drawn.isErased, at_ms);
  polygon.value = null;
  return true;
}

/** Takes the last corner of the polygon back; false where there is none. */
export function removeCorner({ state }: View): boolean {
  const drawn = state.polygon.value;
  if (!drawn) return false;
  const points = drawn.points.slice(0, -1);
  state.polygon.value = points.length > 0 ? { ...drawn, points } : null;
  return true;
}

/** Drops the polygon that is being drawn; false where there is none. */
export function dropPolygon({ state }: View): boolean {
  const hadPolygon = state.polygon.value !== null;
  state.polygon.value = null;
  return hadPolygon;
}

/** The id of the object that is active when the kernel gets the next request; null where the kernel knows it alone. */
function targetOf({ state }: View): number | null {
  const next = state.nextActive.value;
  return next === "unknown" ? null : next;
}

function onPhoto({ state }: View, points: readonly Point[]): [x: number, y: number][] {
  return forRequest(points, TOLERANCE_PX / state.viewport.value.scale);
}
