// Distances to colours: how a mask that is being corrected looks, the same as stage/masks.ts draws the active object from its
// path. Pure arithmetic; stage/corrections.ts puts the pixels on the canvas.

import type { Area, DistanceField } from "./field.ts";

/** What the lines of the active object are made of; widths in CSS pixels, colours red, green, blue, alpha from 0 to 1. */
export interface Shading {
  /** The colour of the object, #rrggbb. */
  colour: string;
  opacity: number;
  edge_px: number;
  line_px: number;
  /** Alpha of the dark edge. */
  edgeAlpha: number;
}

/** RGBA for each value of a field, from -128 on, as bytes in the order of ImageData. */
export function shadesOf(shading: Shading, perPixel: number, ratio: number): Uint8ClampedArray {
  const shades = new Uint8ClampedArray(4 * 256);
  const rgb = [1, 3, 5].map((at) => Number.parseInt(shading.colour.slice(at, at + 2), 16));
  for (let value = -128; value < 128; value++) {
    const depth = value / perPixel;
    // A pixel at the very outline is half inside.
    const share = (from: number, to: number) => clamp(depth - from + 0.5) * clamp(to - depth + 0.5);
    const half = (width_px: number) => share((-width_px / 2) * ratio, (width_px / 2) * ratio);
    const layers: [number[], number][] = [
      [rgb, shading.opacity * clamp(depth + 0.5)],
      [[0, 0, 0], shading.edgeAlpha * half(shading.edge_px)],
      [[255, 255, 255], half(shading.line_px)],
    ];
    let alpha = 0;
    let mixed = [0, 0, 0];
    for (const [colour, over] of layers) {
      mixed = mixed.map((below, i) => below * (1 - over) + (colour[i] ?? 0) * over);
      alpha = alpha * (1 - over) + over;
    }
    const at = 4 * (value + 128);
    for (const [i, sum] of mixed.entries()) shades[at + i] = alpha > 0 ? sum / alpha : 0;
    shades[at + 3] = 255 * alpha;
  }
  return shades;
}

/** The pixels of `area`, RGBA row by row. */
export function shaded(field: DistanceField, area: Area, shades: Uint8ClampedArray): Uint8ClampedArray<ArrayBuffer> {
  const width = area.x1 - area.x0;
  const pixels = new Uint32Array(width * (area.y1 - area.y0));
  const colours = new Uint32Array(shades.buffer);
  let at = 0;
  for (let y = area.y0; y < area.y1; y++) {
    const row = y * field.width;
    for (let x = area.x0; x < area.x1; x++) pixels[at++] = colours[(field.values[row + x] as number) + 128] as number;
  }
  return new Uint8ClampedArray(pixels.buffer);
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
