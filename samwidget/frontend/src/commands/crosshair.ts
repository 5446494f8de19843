// Commands for using the tools without a pointer: the arrow keys move a crosshair, the space bar uses the tool there.

import { currentTool } from "../tools/current.ts";
import type { View } from "../view.ts";
import { type Extent, type Point, toImage, toScreen } from "../viewport.ts";
import { pan } from "./viewport.ts";

/** CSS pixels for one press of an arrow key. */
const STEP_PX = 10;
const STEP_FINE_PX = 1;
const PAN_STEP_PX = 40;
/** The photo pans when the crosshair comes nearer to the edge of the stage, CSS pixels. */
const EDGE_PX = 28;
/** A point at the far edge itself would lie outside the image; image pixels. */
const INSIDE_EDGE = 0.01;

const DIRECTIONS: Record<string, Point> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** Moves the crosshair in the direction of an arrow key; with the pan tool, moves the photo. */
export function moveCrosshair(view: View, key: string, isFine: boolean): void {
  const direction = DIRECTIONS[key];
  const { session, state } = view;
  const photo = session.photo.value;
  if (!direction || !photo) return;
  if (session.settings.tool.value === "pan") {
    const step = isFine ? STEP_FINE_PX : PAN_STEP_PX;
    pan(view, { x: -direction.x * step, y: -direction.y * step });
    return;
  }
  const from = state.crosshair.value;
  if (!from) {
    showCrosshair(view);
    return;
  }
  const step = (isFine ? STEP_FINE_PX : STEP_PX) / state.viewport.value.scale;
  const to = insideImage({ x: from.x + direction.x * step, y: from.y + direction.y * step }, photo.size);
  state.crosshair.value = to;
  panIntoSight(view, to);
}

/** Uses the current tool at the crosshair; shows the crosshair first where it is hidden. */
export function useToolAtCrosshair(view: View): void {
  const at = view.state.crosshair.value;
  if (!at) {
    showCrosshair(view);
    return;
  }
  currentTool(view).useAt(at, view, performance.now());
}

export function hideCrosshair({ state }: View): void {
  state.crosshair.value = null;
  state.corner.value = null;
}

/** Shows the crosshair in the middle of the stage. */
function showCrosshair({ session, state }: View): void {
  const size = session.photo.value?.size;
  if (!size) return;
  const { width, height } = state.stageSize.value;
  state.crosshair.value = insideImage(toImage(state.viewport.value, { x: width / 2, y: height / 2 }), size);
}

/** Pans so far that `at` is on the stage. */
function panIntoSight(view: View, at: Point): void {
  const { state } = view;
  const { x, y } = toScreen(state.viewport.value, at);
  const { width, height } = state.stageSize.value;
  const by = {
    x: Math.max(0, EDGE_PX - x) - Math.max(0, x - (width - EDGE_PX)),
    y: Math.max(0, EDGE_PX - y) - Math.max(0, y - (height - EDGE_PX)),
  };
  if (!state.isFitted.value && (by.x !== 0 || by.y !== 0)) pan(view, by);
}

function insideImage(point: Point, size: Extent): Point {
  return {
    x: Math.min(size.width - INSIDE_EDGE, Math.max(0, point.x)),
    y: Math.min(size.height - INSIDE_EDGE, Math.max(0, point.y)),
  };
}
