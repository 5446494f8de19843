// What moves with the photo. While the view only pans, what is on the canvas moves along, and only the strips that come into
// sight are painted: five hundred masks take 100 ms without a GPU. layers.ts says what is painted.

import type { Box } from "../protocol.ts";
import { type Extent, type Point, toImage, type Viewport } from "../viewport.ts";
import type { Surface } from "./surface.ts";

/** A part of the canvas, device pixels. */
type Strip = Point & Extent;

/** What is on the canvas. */
interface Painted {
  /** All that decides how it looks, but for the viewport. */
  content: readonly unknown[];
  /** Image pixels to device pixels: within half a pixel of the viewport, so that it has moved by whole pixels. */
  pixels: Viewport;
  width: number;
  height: number;
  missing: number;
}

export class MovingPainter {
  #painted: Painted | null = null;

  /**
   * Paints what has changed since the last call, on a canvas that still holds what was painted then; returns how many masks
   * had not arrived. `paint` paints what lies in a box of image pixels, the rest being clipped, and returns that number.
   */
  paint(
    surface: Surface,
    viewport: Viewport,
    content: readonly unknown[],
    paint: (viewport: Viewport, part: Box) => number,
  ): number {
    const { width, height } = surface.canvas;
    const target = surface.pixels(viewport);
    const before = this.#painted;
    const wholeCanvas = { x: 0, y: 0, width, height };
    const isSame =
      before !== null &&
      before.missing === 0 &&
      before.width === width &&
      before.height === height &&
      before.pixels.scale === target.scale &&
      before.content.length === content.length &&
      before.content.every((value, i) => value === content[i]);
    const dx = isSame ? Math.round(target.x - before.pixels.x) : 0;
    const dy = isSame ? Math.round(target.y - before.pixels.y) : 0;
    if (!isSame || Math.abs(dx) >= width || Math.abs(dy) >= height) {
      surface.clear();
      const missing = paint(viewport, partOf(target, wholeCanvas));
      this.#painted = { content, pixels: target, width, height, missing };
      return missing;
    }
    if (dx === 0 && dy === 0) return 0;
    const pixels = { scale: target.scale, x: before.pixels.x + dx, y: before.pixels.y + dy };
    surface.shift(dx, dy);
    for (const strip of strips(dx, dy, width, height)) {
      surface.clip(strip, () => paint(surface.viewport(pixels), partOf(pixels, strip)));
    }
    this.#painted = { ...before, pixels };
    return 0;
  }
}

/** The parts of the canvas that come into sight when its content moves by whole device pixels. */
function strips(dx: number, dy: number, width: number, height: number): Strip[] {
  const beside: Strip = { x: dx > 0 ? 0 : width + dx, y: 0, width: Math.abs(dx), height };
  // What is beside is painted already.
  const x = dx > 0 ? dx : 0;
  const above: Strip = { x, y: dy > 0 ? 0 : height + dy, width: width - Math.abs(dx), height: Math.abs(dy) };
  return [beside, above].filter((strip) => strip.width > 0 && strip.height > 0);
}

/** The box of image pixels that a part of the canvas shows. */
function partOf(pixels: Viewport, { x, y, width, height }: Strip): Box {
  const from = toImage(pixels, { x, y });
  const to = toImage(pixels, { x: x + width, y: y + height });
  return [from.x, from.y, to.x, to.y];
}
