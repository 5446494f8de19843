// Gestures on the prompts that exist, the same in every prompt tool: a drag moves one, a click removes it.

import type { Box } from "../protocol.ts";
import { type Handle, handles } from "../stage/prompts.ts";
import type { View } from "../view.ts";
import { distance, intoImage, type Point, type Position, toScreen } from "../viewport.ts";
import { DRAG_ABOVE_PX, type Gesture, type Press } from "./tool.ts";

const REACH_PX = 9;
const REACH_TOUCH_PX = 16;

type Hit = { kind: "point"; index: number } | { kind: "handle"; handle: Handle; box: Box };

/** The point or box handle of the active object under `screen`, the uppermost first. */
export function promptAt(screen: Point, { state }: View, isTouch = false): Hit | null {
  const reach = isTouch ? REACH_TOUCH_PX : REACH_PX;
  const viewport = state.viewport.value;
  const { points, boxes } = state.prompts.value;
  for (const point of points.toReversed()) {
    if (!point.isPending && distance(toScreen(viewport, point.at), screen) <= reach) {
      return { kind: "point", index: point.index };
    }
  }
  for (const { box, isPending } of boxes) {
    if (isPending) continue;
    const handle = handles(viewport, box).find(({ at }) => distance(at, screen) <= reach);
    if (handle) return { kind: "handle", handle, box };
  }
  return null;
}

export function handleCursor(hit: Hit): string {
  if (hit.kind === "point") return "pointer";
  const { x, y } = hit.handle;
  if (x === 0) return "ns-resize";
  if (y === 0) return "ew-resize";
  return x === y ? "nwse-resize" : "nesw-resize";
}

/** A gesture on an existing prompt; null where none is under the press. */
export function startOnPrompt(press: Press, view: View): Gesture | null {
  const hit = press.isSecondary ? null : promptAt(press.screen, view, press.isTouch);
  if (!hit) return null;
  const { state, session } = view;
  let isDragged = false;
  const target = ({ image }: Position) => intoImage(session.photo.value?.size ?? { width: 0, height: 0 }, image);
  return {
    move(position) {
      isDragged ||= distance(position.screen, press.screen) > DRAG_ABOVE_PX;
      if (!isDragged) return;
      state.draft.value =
        hit.kind === "point"
          ? { kind: "point", index: hit.index, at: target(position) }
          : { kind: "resize", box: resized(hit.box, hit.handle, target(position)) };
    },
    end(position, at_ms) {
      const at = target(position);
      if (hit.kind === "point") {
        view.request(
          isDragged ? { kind: "move_point", index: hit.index, ...at } : { kind: "remove_point", index: hit.index },
          at_ms,
        );
      } else if (!isDragged) {
        view.request({ kind: "remove_box" }, at_ms);
      } else {
        const box = resized(hit.box, hit.handle, at);
        if (box[0] < box[2] && box[1] < box[3]) view.request({ kind: "move_box", box }, at_ms);
      }
      // After the request: its pending prompt then replaces the draft without a frame between them.
      state.draft.value = null;
    },
    cancel() {
      state.draft.value = null;
    },
  };
}

/** `box` with the side or corner of `handle` moved to `to`, image pixels; opposite sides may change places. */
export function resized(box: Box, handle: Handle, to: Point): Box {
  const [x0, y0, x1, y1] = box;
  const xs = handle.x === 0 ? [x0, x1] : [to.x, handle.x < 0 ? x1 : x0];
  const ys = handle.y === 0 ? [y0, y1] : [to.y, handle.y < 0 ? y1 : y0];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}
