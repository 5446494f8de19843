// Layer: lines that are being drawn, in CSS pixels: a lasso, a polygon with its corners, a scribble.

import type { Label } from "../protocol.ts";
import { distance, type Point, toScreen, type Viewport } from "../viewport.ts";
import { EXCLUDE, INCLUDE } from "./prompts.ts";

const CORNER = 4.5;
const CORNER_SMALL = 2.8;
/** Corners nearer to each other than this, CSS pixels, are small. */
const CLOSE = 14;
const SELECTED = "#2563eb";

/** A polygon that is not closed yet. */
export interface OpenPolygon {
  points: readonly Point[];
  isErased: boolean;
}

/** Draws what a lasso encloses so far. */
export function drawLasso(context: CanvasRenderingContext2D, viewport: Viewport, line: OpenPolygon): void {
  const path = pathOf(viewport, line.points);
  tint(context, path, line.isErased);
  drawLine(context, path, false);
  closing(context, viewport, line.points);
}

/** Draws an open polygon; `to` is where the next corner would be. */
export function drawPolygon(
  context: CanvasRenderingContext2D,
  viewport: Viewport,
  { points, isErased }: OpenPolygon,
  to: Point | null,
): void {
  const all = to ? [...points, to] : points;
  if (all.length > 2) tint(context, pathOf(viewport, all), isErased);
  drawLine(context, pathOf(viewport, points), false);
  if (to) drawLine(context, pathOf(viewport, [...points.slice(-1), to]), true);
  for (const [i, corner] of points.entries())
    drawCorner(context, viewport, corner, i === 0 ? CORNER + 1 : CORNER, "#fff");
}

/** Draws the corners of an outline, small where they are close together. */
export function drawCorners(
  context: CanvasRenderingContext2D,
  viewport: Viewport,
  polygons: readonly (readonly Point[])[],
  selected: Point | null,
): void {
  for (const polygon of polygons) {
    const radius = spacing(viewport, polygon) < CLOSE ? CORNER_SMALL : CORNER;
    for (const corner of polygon) drawCorner(context, viewport, corner, radius, "#fff");
  }
  if (selected) drawCorner(context, viewport, selected, CORNER + 1, SELECTED);
}

function drawCorner(
  context: CanvasRenderingContext2D,
  viewport: Viewport,
  corner: Point,
  radius: number,
  colour: string,
): void {
  const { x, y } = toScreen(viewport, corner);
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.strokeStyle = colour === SELECTED ? "#fff" : "rgb(0 0 0 / 0.6)";
  context.lineWidth = colour === SELECTED ? 1.5 : 1;
  context.stroke();
}

/** CSS pixels from corner to corner, in the middle. */
function spacing({ scale }: Viewport, polygon: readonly Point[]): number {
  const length = polygon.reduce((sum, corner, i) => sum + distance(corner, polygon.at(i - 1) as Point), 0);
  return (scale * length) / Math.max(1, polygon.length);
}

/** Draws the line of a scribble; exclude is dashed, too, since colour alone does not tell. */
export function drawScribble(
  context: CanvasRenderingContext2D,
  viewport: Viewport,
  points: readonly Point[],
  label: Label,
): void {
  const path = pathOf(viewport, points);
  context.lineCap = "round";
  context.lineJoin = "round";
  for (const [style, width, dash] of [
    ["rgb(0 0 0 / 0.45)", 7, []],
    ["#fff", 5.5, []],
    [label === 1 ? INCLUDE : EXCLUDE, 3, label === 1 ? [] : [1, 6]],
  ] as const) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.setLineDash([...dash]);
    context.stroke(path);
  }
  context.setLineDash([]);
  context.lineCap = "butt";
}

function closing(context: CanvasRenderingContext2D, viewport: Viewport, points: readonly Point[]): void {
  const [first, last] = [points[0], points.at(-1)];
  if (first && last) drawLine(context, pathOf(viewport, [last, first]), true);
}

function drawLine(context: CanvasRenderingContext2D, path: Path2D, isDashed: boolean): void {
  context.lineJoin = "round";
  context.strokeStyle = "rgb(0 0 0 / 0.5)";
  context.lineWidth = 3.5;
  context.stroke(path);
  context.strokeStyle = "#fff";
  context.lineWidth = 1.75;
  if (isDashed) context.setLineDash([5, 4]);
  context.stroke(path);
  context.setLineDash([]);
}

function tint(context: CanvasRenderingContext2D, path: Path2D, isErased: boolean): void {
  context.fillStyle = isErased ? "rgb(0 0 0 / 0.3)" : "rgb(255 255 255 / 0.22)";
  context.fill(path, "evenodd");
}

function pathOf(viewport: Viewport, points: readonly Point[]): Path2D {
  const path = new Path2D();
  for (const [i, point] of points.entries()) {
    const { x, y } = toScreen(viewport, point);
    if (i === 0) path.moveTo(x, y);
    else path.lineTo(x, y);
  }
  // A line to itself is a dot.
  if (points.length === 1 && points[0]) {
    const { x, y } = toScreen(viewport, points[0]);
    path.lineTo(x, y);
  }
  return path;
}
