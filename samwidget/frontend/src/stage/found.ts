// Layer: masks that were found and not kept yet. Those to keep are tinted, the others a faint dashed line.

import type { MaskStore } from "../masks.ts";
import type { FoundObject } from "../protocol.ts";
import type { Viewport } from "../viewport.ts";
import { drawMask, EDGED_MAX, type Lines, type MaskLook, stroke } from "./masks.ts";
import type { Surface } from "./surface.ts";

const EDGE = "rgb(0 0 0 / 0.4)";
const DROPPED = "rgb(255 255 255 / 0.75)";
const KEPT: Lines = { edge_px: 2.5, line_px: 1.4, edge: EDGE };
const CROWDED: Lines = { edge_px: 0, line_px: 1 };

/** Draws `found`, large ones first, so that small ones lie over them. */
export function drawFound(
  surface: Surface,
  view: Viewport,
  found: readonly FoundObject[],
  kept: ReadonlySet<number>,
  masks: MaskStore,
  look: MaskLook,
): void {
  const { context } = surface;
  const isEdged = found.length <= EDGED_MAX;
  surface.toImage(view);
  context.lineJoin = "bevel";
  for (const { id, mask, colour } of found) {
    const path = masks.path(mask, look.threshold);
    if (!path) continue;
    if (kept.has(id)) {
      drawMask(context, view, path, colour, look.opacity, isEdged ? KEPT : CROWDED);
    } else {
      if (isEdged) stroke(context, view, path, EDGE, 1);
      drawDashed(context, view, path, DROPPED, 1);
    }
  }
  surface.toCss();
}

/** The mask under the pointer, which a click would drop or take. */
export function drawPointed(surface: Surface, view: Viewport, path: Path2D, isKept: boolean): void {
  const { context } = surface;
  surface.toImage(view);
  context.lineJoin = "round";
  stroke(context, view, path, "rgb(0 0 0 / 0.5)", 3.5);
  if (isKept) stroke(context, view, path, "#fff", 2);
  else drawDashed(context, view, path, "#fff", 2);
  surface.toCss();
}

function drawDashed(
  context: CanvasRenderingContext2D,
  view: Viewport,
  path: Path2D,
  style: string,
  width_px: number,
): void {
  context.setLineDash([4 / view.scale, 4 / view.scale]);
  stroke(context, view, path, style, width_px);
  context.setLineDash([]);
}
