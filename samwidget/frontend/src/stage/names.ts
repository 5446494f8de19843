// Layer: names and classes of objects on the photo, each above its mask.

import type { Box, ObjectSummary } from "../protocol.ts";
import { type Extent, toScreen, type Viewport } from "../viewport.ts";

const FONT = "500 12px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif";
const HEIGHT_PX = 20;
const PADDING_PX = 7;
/** Between a name and its mask, and between a name and the edge of the photo. */
const GAP_PX = 4;
const SWATCH_PX = 8;
const TEXT_WIDTH_MAX_PX = 180;

/**
 * Draws the names of `objects`, and the class of the pointed one; one without a mask has no place on the photo. Of names that
 * would cover each other, that of the pointed object is drawn, or else that of the larger one.
 */
export function drawNames(
  context: CanvasRenderingContext2D,
  viewport: Viewport,
  objects: readonly ObjectSummary[],
  pointedId: number | null,
  stage: Extent,
): void {
  context.font = FONT;
  context.textBaseline = "middle";
  const rank = ({ id, area }: ObjectSummary) => (id === pointedId ? Number.POSITIVE_INFINITY : area);
  const drawn: Box[] = [];
  for (const object of [...objects].sort((a, b) => rank(b) - rank(a))) {
    const { box, colour } = object;
    if (!box) continue;
    const text = shortened(context, textOf(object, object.id === pointedId));
    const width = context.measureText(text).width + SWATCH_PX + 3 * PADDING_PX - 2;
    const middle = toScreen(viewport, { x: (box[0] + box[2]) / 2, y: box[1] });
    const bottom = toScreen(viewport, { x: 0, y: box[3] }).y;
    if (bottom < 0 || middle.y > stage.height || middle.x < 0 || middle.x > stage.width) continue;
    const x = Math.min(stage.width - width - GAP_PX, Math.max(GAP_PX, middle.x - width / 2));
    const y = Math.max(GAP_PX, middle.y - HEIGHT_PX - GAP_PX);
    const pill: Box = [x, y, x + width, y + HEIGHT_PX];
    if (drawn.some((other) => overlaps(pill, other))) continue;
    drawn.push(pill);
    drawPill(context, x, y, width, "rgb(20 22 26 / 0.86)", HEIGHT_PX / 2);
    const centre = y + HEIGHT_PX / 2;
    drawPill(context, x + PADDING_PX, centre - SWATCH_PX / 2, SWATCH_PX, colour, 3, SWATCH_PX);
    context.fillStyle = "#fff";
    context.fillText(text, x + 2 * PADDING_PX - 2 + SWATCH_PX, centre + 0.5);
  }
}

/** The name, or the class of an object without a name of its own; both of the pointed one. */
function textOf({ id, name, class: class_ }: ObjectSummary, isPointed: boolean): string {
  if (class_ === null) return name;
  if (name === `object ${id}`) return class_;
  return isPointed ? `${name} · ${class_}` : name;
}

function overlaps(a: Box, b: Box): boolean {
  return a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
}

function drawPill(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  style: string,
  radius: number,
  height = HEIGHT_PX,
): void {
  context.fillStyle = style;
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
  context.fill();
}

/** `name`, or as much of its beginning as there is room for. */
function shortened(context: CanvasRenderingContext2D, name: string): string {
  const letters = [...name];
  const isTooWide = () => context.measureText(letters.join("")).width > TEXT_WIDTH_MAX_PX;
  while (isTooWide()) letters.splice(-2, 2, "…");
  return letters.join("");
}
