// Which object or found object is under a point, decided by the same paths that are drawn.

import type { MaskStore } from "../mask_store.ts";
import type { DocumentSummary, FoundObject, ObjectSummary } from "../protocol.ts";
import type { Point } from "../viewport.ts";
import { inDrawingOrder } from "./masks.ts";

/** The uppermost visible object whose mask holds `at`, image pixels. */
export function objectAt(
  at: Point,
  document_: DocumentSummary,
  masks: MaskStore,
  threshold: number,
): ObjectSummary | null {
  const holds = hitTest(at, masks, threshold);
  return inDrawingOrder(document_).findLast((object) => object.visible && holds(object.mask)) ?? null;
}

/** The smallest of `foundObjects`, whose large ones come first, that holds `at`, image pixels. */
export function foundObjectAt(
  at: Point,
  foundObjects: readonly FoundObject[],
  masks: MaskStore,
  threshold: number,
): FoundObject | null {
  const holds = hitTest(at, masks, threshold);
  return foundObjects.findLast(({ mask }) => holds(mask)) ?? null;
}

/** Only tells what is inside a path. Made at the first use: the pointer asks at every move. */
let tester: CanvasRenderingContext2D | null = null;

/** A function that tells whether a mask holds `at`. */
function hitTest(at: Point, masks: MaskStore, threshold: number): (mask: string) => boolean {
  tester ??= document.createElement("canvas").getContext("2d");
  const context = tester;
  return (mask) => {
    const extent = masks.extent(mask);
    if (!extent || at.x < extent[0] || at.y < extent[1] || at.x > extent[2] || at.y > extent[3]) return false;
    const path = masks.path(mask, threshold);
    return path !== null && context?.isPointInPath(path, at.x, at.y, "evenodd") === true;
  };
}
