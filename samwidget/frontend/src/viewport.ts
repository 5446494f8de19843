// Arithmetic between the screen and image pixels: fit, zoom, pan. Screen means CSS pixels from the stage's top-left
// corner; only stage/canvases.ts knows device pixels. Pure functions, tested against tests/shared/viewport.json.

import type { Box } from "./protocol.ts";

export interface Point {
  x: number;
  y: number;
}

export interface Extent {
  width: number;
  height: number;
}

/** The position of a pointer. */
export interface Position {
  /** CSS pixels from the stage's corner. */
  screen: Point;
  /** Image pixels; may lie outside the image. */
  image: Point;
  /** Of a pen, 0 to 1: half is how it writes by itself. */
  pressure?: number;
}

/** screen = image * scale + (x, y) */
export interface Viewport {
  scale: number;
  x: number;
  y: number;
}

export const ZOOM_STEP = 1.25;
const SCALE_MAX = 32;
/** How far the photo may be pushed past the stage's edge, so that nothing stays hidden under what lies over it. */
const SLACK: Point = { x: 48, y: 104 };

export function toScreen(viewport: Viewport, point: Point): Point {
  return { x: point.x * viewport.scale + viewport.x, y: point.y * viewport.scale + viewport.y };
}

export function toImage(viewport: Viewport, point: Point): Point {
  return { x: (point.x - viewport.x) / viewport.scale, y: (point.y - viewport.y) / viewport.scale };
}

/** The longer side of an image; 0 without one. */
export function longerSide(image: Extent | undefined): number {
  return image ? Math.max(image.width, image.height) : 0;
}

/** The whole image, as large as the stage allows, in its middle. */
export function fitted(image: Extent, stage: Extent): Viewport {
  return centred(image, stage, fitScale(image, stage));
}

function fitScale(image: Extent, stage: Extent): number {
  return Math.min(stage.width / image.width, stage.height / image.height);
}

/** Whether `viewport` shows the image larger than the stage allows for the whole image. */
export function isLarger(viewport: Viewport, image: Extent, stage: Extent): boolean {
  return viewport.scale > fitScale(image, stage) * 1.001;
}

/** `viewport` zoomed by `factor` about a screen point that stays where it is, within the limits. */
export function zoomAt(viewport: Viewport, factor: number, about: Point, image: Extent, stage: Extent): Viewport {
  return scaleAt(viewport, viewport.scale * factor, about, image, stage);
}

/** `viewport` at `scale`, with the image point under `about` held there as far as the limits allow. */
export function scaleAt(viewport: Viewport, scale: number, about: Point, image: Extent, stage: Extent): Viewport {
  const smallest = Math.min(1, fitScale(image, stage));
  const largest = Math.max(SCALE_MAX, 4 * fitScale(image, stage));
  const bounded = Math.min(largest, Math.max(smallest, scale));
  const held = toImage(viewport, about);
  return clamp({ scale: bounded, x: about.x - held.x * bounded, y: about.y - held.y * bounded }, image, stage);
}

export function panBy(viewport: Viewport, by: Point, image: Extent, stage: Extent): Viewport {
  return clamp({ scale: viewport.scale, x: viewport.x + by.x, y: viewport.y + by.y }, image, stage);
}

/** `viewport` with the image kept on the stage. */
export function clamp(viewport: Viewport, image: Extent, stage: Extent): Viewport {
  return {
    scale: viewport.scale,
    x: clampAxis(viewport.x, image.width * viewport.scale, stage.width, SLACK.x),
    y: clampAxis(viewport.y, image.height * viewport.scale, stage.height, SLACK.y),
  };
}

/** The part of the image that is on the stage, image pixels; null where none is. */
export function visibleBox(viewport: Viewport, image: Extent, stage: Extent): Box | null {
  const from = toImage(viewport, { x: 0, y: 0 });
  const to = toImage(viewport, { x: stage.width, y: stage.height });
  const box: Box = [
    Math.max(0, from.x),
    Math.max(0, from.y),
    Math.min(image.width, to.x),
    Math.min(image.height, to.y),
  ];
  return box[0] < box[2] && box[1] < box[3] ? box : null;
}

export function isInside(image: Extent, point: Point): boolean {
  return point.x >= 0 && point.y >= 0 && point.x < image.width && point.y < image.height;
}

/** The nearest point of the image. */
export function intoImage(image: Extent, point: Point): Point {
  return { x: Math.min(image.width, Math.max(0, point.x)), y: Math.min(image.height, Math.max(0, point.y)) };
}

export function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** The point of the segment a to b that is nearest to `point`. */
export function nearestOfSegment(point: Point, a: Point, b: Point): Point {
  const length2 = (b.x - a.x) ** 2 + (b.y - a.y) ** 2;
  const along = (point.x - a.x) * (b.x - a.x) + (point.y - a.y) * (b.y - a.y);
  const t = length2 === 0 ? 0 : Math.min(1, Math.max(0, along / length2));
  return { x: a.x + t * (b.x - a.x), y: a.y + t * (b.y - a.y) };
}

/** The box between two corners in any order. */
export function boxBetween(a: Point, b: Point): Box {
  return [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(a.x, b.x), Math.max(a.y, b.y)];
}

function centred(image: Extent, stage: Extent, scale: number): Viewport {
  return { scale, x: (stage.width - image.width * scale) / 2, y: (stage.height - image.height * scale) / 2 };
}

function clampAxis(offset: number, length: number, room: number, slack: number): number {
  const middle = (room - length) / 2;
  const low = Math.min(middle, room - length) - slack;
  const high = Math.max(middle, 0) + slack;
  return Math.min(high, Math.max(low, offset));
}
