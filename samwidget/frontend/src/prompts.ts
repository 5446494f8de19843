// The active object and its prompts as they will be once the kernel has carried out the pending requests, so that a click is
// on the screen at once and the next key means what it will mean. stage/prompts.ts draws prompts, tools/handles.ts changes
// them.

import type { Box, Label, ObjectSummary, Request } from "./protocol.ts";
import type { Point } from "./viewport.ts";

/** What a gesture shows while the pointer is down. */
export type Draft =
  | { kind: "box"; box: Box }
  | { kind: "point"; index: number; at: Point }
  | { kind: "resize"; box: Box }
  | { kind: "lasso"; points: readonly Point[]; isErased: boolean }
  | { kind: "scribble"; points: readonly Point[]; label: Label };

/** A prompt on the screen; `isPending` until the kernel has confirmed it. */
export interface ShownPoint {
  index: number;
  at: Point;
  label: Label;
  isPending: boolean;
}

export interface ShownBox {
  box: Box;
  isPending: boolean;
}

export interface ShownPrompts {
  points: ShownPoint[];
  boxes: ShownBox[];
}

/** The active object by its id; `unknown` for one that the kernel has not made yet, null where none is active. */
export type NextActive = number | "unknown" | null;

/** What will be active after the `pending` requests, in their order. */
export function activeAfter(active: NextActive, pending: readonly Request[]): NextActive {
  let next: NextActive = active;
  for (const request of pending) {
    if (request.kind === "add_point" || request.kind === "scribble") next ??= "unknown";
    else if (request.kind === "go_to" || request.kind === "accept_image") next = null;
    else if (request.kind === "paint" || request.kind === "fill_polygon") next = request.object ?? next ?? "unknown";
    // The kernel decides whether a box belongs to the active object or begins one.
    else if (request.kind === "add_box") next = "unknown";
    else if (request.kind === "select") next = request.object;
    else if (request.kind === "accept" || request.kind === "clear") next = null;
    else if (request.kind === "delete" && request.object === next) next = null;
    else if (request.kind === "delete_objects" && typeof next === "number" && request.objects.includes(next))
      next = null;
  }
  return next;
}

/** The class that the next object gets after the `pending` requests, in their order. */
export function classAfter(name: string | null, pending: readonly Request[]): string | null {
  let next = name;
  for (const request of pending) {
    if (request.kind === "activate_class") next = request.class;
    else if (request.kind === "rename_class" && request.class === next) next = request.name;
    else if (request.kind === "delete_class" && request.class === next) next = null;
  }
  return next;
}

/** The prompts of `active`, changed by the `pending` requests in their order, then by the gesture. */
export function promptsOnScreen(
  active: ObjectSummary | null,
  pending: readonly Request[],
  draft: Draft | null,
): ShownPrompts {
  let points: ShownPoint[] = (active?.points ?? []).map(([x, y, label], index) => ({
    index,
    at: { x, y },
    label,
    isPending: false,
  }));
  let boxes: ShownBox[] = active?.prompt_box ? [{ box: active.prompt_box, isPending: false }] : [];

  for (const request of pending) {
    switch (request.kind) {
      case "add_point":
        points = [...points, { index: -1, at: { x: request.x, y: request.y }, label: request.label, isPending: true }];
        break;
      case "move_point":
        points = points.map((point) =>
          point.index === request.index ? { ...point, at: { x: request.x, y: request.y }, isPending: true } : point,
        );
        break;
      case "remove_point":
        points = points.filter((point) => point.index !== request.index);
        break;
      case "add_box":
        boxes = [...boxes, { box: request.box, isPending: true }];
        break;
      case "move_box":
        boxes = [{ box: request.box, isPending: true }];
        break;
      case "remove_box":
        boxes = [];
        break;
      case "accept":
      case "select":
      // A mask that was corrected is its own prompt.
      case "paint":
      case "fill_polygon":
      case "set_polygons":
        points = [];
        boxes = [];
        break;
    }
  }
  if (draft?.kind === "point") {
    points = points.map((point) => (point.index === draft.index ? { ...point, at: draft.at } : point));
  } else if (draft?.kind === "resize") {
    boxes = [{ box: draft.box, isPending: false }];
  }
  return { points, boxes };
}
