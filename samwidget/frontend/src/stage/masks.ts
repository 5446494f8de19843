// Layer: the masks of the objects, and the preview of the one under the pointer. Filled and outlined from one Path2D;
// line widths are CSS pixels at every zoom.

import type { Preview } from "../hover.ts";
import type { MaskStore } from "../mask_store.ts";
import type { Box, DocumentSummary, ObjectSummary } from "../protocol.ts";
import type { Viewport } from "../viewport.ts";
import type { Surface } from "./surface.ts";

/** Alpha of the dark edge around a line. */
export const EDGE_ALPHA = 0.45;
const EDGE = `rgb(0 0 0 / ${EDGE_ALPHA})`;
/**
 * With more masks than this, lines are drawn without their dark edge. Without a GPU, lines cost more than areas: two
 * hundred masks then take a third of the time, and the view follows a slider.
 */
export const EDGED_MAX = 64;

/** Widths in CSS pixels; lines without a colour have the object's colour. */
export interface Lines {
  edge_px: number;
  line_px: number;
  edge?: string;
  colour?: string;
}

export const ACTIVE: Lines = { edge_px: 4, line_px: 2, colour: "#fff" };
const CLOSED: Lines = { edge_px: 3, line_px: 1.6 };
const CROWDED: Lines = { edge_px: 0, line_px: 1 };
const POINTED: Lines = { edge_px: 5, line_px: 3 };

/** How all masks are drawn: opacity 0 to 1, threshold in logits. */
export interface MaskAppearance {
  opacity: number;
  threshold: number;
}

/** Draws the visible ones of `objects` that reach into `part`, in their order; returns how many masks had not arrived. */
export function drawObjects(
  surface: Surface,
  viewport: Viewport,
  objects: readonly ObjectSummary[],
  masks: MaskStore,
  appearance: MaskAppearance,
  state: "closed" | "active" | "pointed",
  part?: Box,
): number {
  let missing = 0;
  const closed = objects.length <= EDGED_MAX ? CLOSED : CROWDED;
  const lines = { active: ACTIVE, closed, pointed: POINTED }[state];
  surface.toImage(viewport);
  surface.context.lineJoin = "round";
  for (const object of objects) {
    if (!object.visible || (part && !reachesInto(part, masks.extent(object.mask), viewport))) continue;
    const path = masks.path(object.mask, appearance.threshold);
    if (path) drawMask(surface.context, viewport, path, object.colour, appearance.opacity, lines);
    else missing++;
  }
  surface.toCss();
  return missing;
}

/** Whether a mask with its lines may lie in `part`, image pixels; one that has not arrived may. */
export function reachesInto(part: Box, extent: Box | null, { scale }: Viewport): boolean {
  const line = POINTED.edge_px / scale;
  return (
    !extent ||
    (extent[0] - line < part[2] &&
      extent[2] + line > part[0] &&
      extent[1] - line < part[3] &&
      extent[3] + line > part[1])
  );
}

export function drawPreview(surface: Surface, viewport: Viewport, preview: Preview): void {
  const { context } = surface;
  surface.toImage(viewport);
  context.fillStyle = "rgb(120 170 255 / 0.34)";
  context.fill(preview.path, "evenodd");
  context.lineJoin = "round";
  stroke(context, viewport, preview.path, "rgb(0 0 0 / 0.5)", 2.5);
  context.setLineDash([5 / viewport.scale, 4 / viewport.scale]);
  stroke(context, viewport, preview.path, "#fff", 1.5);
  context.setLineDash([]);
  surface.toCss();
}

/** The list's order, with the active object on top. */
export function inDrawingOrder(document: DocumentSummary): ObjectSummary[] {
  const others = document.objects.filter((object) => object.id !== document.active);
  const active = document.objects.filter((object) => object.id === document.active);
  return [...others, ...active];
}

/** A tinted area with its outline. */
export function drawMask(
  context: CanvasRenderingContext2D,
  viewport: Viewport,
  path: Path2D,
  colour: string,
  opacity: number,
  lines: Lines,
): void {
  context.globalAlpha = opacity;
  context.fillStyle = colour;
  context.fill(path, "evenodd");
  context.globalAlpha = 1;
  if (lines.edge_px > 0) stroke(context, viewport, path, lines.edge ?? EDGE, lines.edge_px);
  stroke(context, viewport, path, lines.colour ?? colour, lines.line_px);
}

/** Strokes a path in image pixels with a line of CSS pixels. */
export function stroke(
  context: CanvasRenderingContext2D,
  viewport: Viewport,
  path: Path2D,
  style: string,
  width_px: number,
): void {
  context.strokeStyle = style;
  context.lineWidth = width_px / viewport.scale;
  context.stroke(path);
}
