// Layer: the found objects. Those that pass are tinted, the others are a faint dashed line.

import type { MaskStore } from "../mask_store.ts";
import type { Box, FoundObject } from "../protocol.ts";
import type { Viewport } from "../viewport.ts";
import { drawMask, EDGED_MAX, type Lines, type MaskAppearance, reachesInto, stroke } from "./masks.ts";
import type { Surface } from "./surface.ts";

const EDGE = "rgb(0 0 0 / 0.4)";
const DROPPED = "rgb(255 255 255 / 0.75)";
const PASSING: Lines = { edge_px: 2.5, line_px: 1.4, edge: EDGE };
const CROWDED: Lines = { edge_px: 0, line_px: 1 };

/** Draws those of `foundObjects` that reach into `part`; large ones come first, so that small ones lie over them. */
export function drawFoundObjects(
  surface: Surface,
  viewport: Viewport,
  foundObjects: readonly FoundObject[],
  keptIds: ReadonlySet<number>,
  masks: MaskStore,
  appearance: MaskAppearance,
  part: Box,
): void {
  const { context } = surface;
  const isEdged = foundObjects.length <= EDGED_MAX;
  surface.toImage(viewport);
  context.lineJoin = "bevel";
  for (const { id, mask, colour } of foundObjects) {
    const path = reachesInto(part, masks.extent(mask), viewport) && masks.path(mask, appearance.threshold);
    if (!path) continue;
    if (keptIds.has(id)) {
      drawMask(context, viewport, path, colour, appearance.opacity, isEdged ? PASSING : CROWDED);
    } else {
      if (isEdged) stroke(context, viewport, path, EDGE, 1);
      drawDashed(context, viewport, path, DROPPED, 1);
    }
  }
  surface.toCss();
}

/** The found object under the pointer, which a click would drop or take. */
export function drawPointed(surface: Surface, viewport: Viewport, path: Path2D, isKept: boolean): void {
  const { context } = surface;
  surface.toImage(viewport);
  context.lineJoin = "round";
  stroke(context, viewport, path, "rgb(0 0 0 / 0.5)", 3.5);
  if (isKept) stroke(context, viewport, path, "#fff", 2);
  else drawDashed(context, viewport, path, "#fff", 2);
  surface.toCss();
}

function drawDashed(
  context: CanvasRenderingContext2D,
  viewport: Viewport,
  path: Path2D,
  style: string,
  width_px: number,
): void {
  context.setLineDash([4 / viewport.scale, 4 / viewport.scale]);
  stroke(context, viewport, path, style, width_px);
  context.setLineDash([]);
}
