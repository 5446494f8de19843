// Which object lies under a point: the same path that is drawn is asked.

import type { MaskStore } from "../masks.ts";
import type { DocumentSummary, ObjectSummary } from "../protocol.ts";
import type { Point } from "../viewport.ts";
import { inDrawingOrder } from "./masks.ts";

/** The uppermost visible object whose mask holds `at`, image pixels. */
export function objectAt(
  at: Point,
  document_: DocumentSummary,
  masks: MaskStore,
  threshold: number,
): ObjectSummary | null {
  const context = document.createElement("canvas").getContext("2d");
  const hit = inDrawingOrder(document_).findLast((object) => {
    const path = object.visible ? masks.path(object.mask, threshold) : null;
    return path !== null && context?.isPointInPath(path, at.x, at.y, "evenodd");
  });
  return hit ?? null;
}
