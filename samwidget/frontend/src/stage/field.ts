// The distance of each pixel from the outline of a mask that is being corrected: positive inside, cut off a few pixels from
// the outline. Painting and erasing are then the larger and the smaller of two distances, and need only the pixels under the
// stroke; the outline need not be found again. Pure arithmetic in device pixels; stage/corrections.ts shows it.

import type { Ring } from "../contour.ts";
import type { Point } from "../viewport.ts";

/** A part of the field, whole pixels; `x1` and `y1` are exclusive. */
export interface Area {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export const NO_AREA: Area = { x0: 0, y0: 0, x1: 0, y1: 0 };
const VALUE_MAX = 127;

export class DistanceField {
  readonly width: number;
  readonly height: number;
  /** Distances in steps, row by row; -127 is far outside. */
  readonly values: Int8Array;
  /** Distances further than this, pixels, are not told apart. */
  readonly reach: number;
  /** Steps for one pixel. */
  readonly perPixel: number;

  constructor(width: number, height: number, reach: number) {
    this.width = width;
    this.height = height;
    this.reach = reach;
    this.perPixel = VALUE_MAX / reach;
    this.values = new Int8Array(width * height).fill(-VALUE_MAX);
  }

  /**
   * Paints, or erases, a line of round ends through `points`, pixels, from the point before index `from` on; a single point
   * is a disc. Returns the area that may have changed.
   */
  stroke(points: readonly Point[], radius: number, isErased: boolean, from = 0): Area {
    let changed = NO_AREA;
    for (let i = Math.max(0, from); i < points.length; i++) {
      const end = points[i] as Point;
      changed = around(changed, this.#segment(points[i - 1] ?? end, end, radius, isErased));
    }
    return changed;
  }

  /** Adds, or erases, the inside of `rings`, pixels, by the even-odd rule. Returns the area that may have changed. */
  fill(rings: readonly Ring[], isErased: boolean): Area {
    const area = this.#inside(extentOf(rings), this.reach);
    const width = area.x1 - area.x0;
    const height = area.y1 - area.y0;
    if (width <= 0 || height <= 0) return NO_AREA;
    const distances = new Float32Array(width * height).fill(this.reach);
    const crossings: number[][] = Array.from({ length: height }, () => []);
    for (const ring of rings) {
      let before = ring.at(-1);
      for (const point of ring) {
        if (before) {
          nearSegment(distances, area, before, point, this.reach);
          cross(crossings, area, before, point);
        }
        before = point;
      }
    }
    for (const [row, xs] of crossings.entries()) {
      xs.sort((a, b) => a - b);
      let isInside = false;
      let next = 0;
      for (let column = 0; column < width; column++) {
        while (next < xs.length && (xs[next] as number) <= area.x0 + column + 0.5) {
          isInside = !isInside;
          next++;
        }
        const distance = distances[row * width + column] as number;
        this.#combine((area.y0 + row) * this.width + area.x0 + column, isInside ? distance : -distance, isErased);
      }
    }
    return area;
  }

  #segment(a: Point, b: Point, radius: number, isErased: boolean): Area {
    const area = this.#inside(
      { x0: Math.min(a.x, b.x), y0: Math.min(a.y, b.y), x1: Math.max(a.x, b.x), y1: Math.max(a.y, b.y) },
      radius + this.reach,
    );
    const outside = (radius + this.reach) ** 2;
    const within = Math.max(0, radius - this.reach) ** 2;
    const dx = b.x - a.x;
    const dy = b.y - a.y;
    const length2 = dx * dx + dy * dy;
    for (let y = area.y0; y < area.y1; y++) {
      const py = y + 0.5 - a.y;
      const row = y * this.width;
      for (let x = area.x0; x < area.x1; x++) {
        const px = x + 0.5 - a.x;
        const t = length2 === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / length2));
        const distance2 = (px - t * dx) ** 2 + (py - t * dy) ** 2;
        if (distance2 >= outside) continue;
        // The root is needed near the edge only.
        const depth = distance2 < within ? this.reach : radius - Math.sqrt(distance2);
        this.#combine(row + x, depth, isErased);
      }
    }
    return area;
  }

  /** Takes a shape into one pixel; `depth` is the pixel's distance from the shape's outline, positive inside. */
  #combine(index: number, depth: number, isErased: boolean): void {
    const value = Math.max(-VALUE_MAX, Math.min(VALUE_MAX, depth * this.perPixel));
    const before = this.values[index] as number;
    if (isErased ? -value < before : value > before) this.values[index] = isErased ? -value : value;
  }

  /** The pixels that are not further than `margin` from `box`. */
  #inside(box: Area, margin: number): Area {
    const area = {
      x0: Math.max(0, Math.floor(box.x0 - margin)),
      y0: Math.max(0, Math.floor(box.y0 - margin)),
      x1: Math.min(this.width, Math.ceil(box.x1 + margin)),
      y1: Math.min(this.height, Math.ceil(box.y1 + margin)),
    };
    return area.x0 < area.x1 && area.y0 < area.y1 ? area : NO_AREA;
  }
}

/** The smallest area that holds both. */
export function around(a: Area, b: Area): Area {
  if (a.x0 >= a.x1) return b;
  if (b.x0 >= b.x1) return a;
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}

function extentOf(rings: readonly Ring[]): Area {
  const area = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  for (const ring of rings) {
    for (const [x, y] of ring) {
      area.x0 = Math.min(area.x0, x);
      area.y0 = Math.min(area.y0, y);
      area.x1 = Math.max(area.x1, x);
      area.y1 = Math.max(area.y1, y);
    }
  }
  return area;
}

/** Lowers the distances of the pixels of `area` to that from the segment a to b. */
function nearSegment(distances: Float32Array, area: Area, a: Ring[number], b: Ring[number], reach: number): void {
  const width = area.x1 - area.x0;
  const dx = b[0] - a[0];
  const dy = b[1] - a[1];
  const length2 = dx * dx + dy * dy;
  const x0 = Math.max(area.x0, Math.floor(Math.min(a[0], b[0]) - reach));
  const x1 = Math.min(area.x1, Math.ceil(Math.max(a[0], b[0]) + reach));
  const y0 = Math.max(area.y0, Math.floor(Math.min(a[1], b[1]) - reach));
  const y1 = Math.min(area.y1, Math.ceil(Math.max(a[1], b[1]) + reach));
  for (let y = y0; y < y1; y++) {
    const py = y + 0.5 - a[1];
    for (let x = x0; x < x1; x++) {
      const px = x + 0.5 - a[0];
      const t = length2 === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / length2));
      const distance = Math.hypot(px - t * dx, py - t * dy);
      const index = (y - area.y0) * width + x - area.x0;
      if (distance < (distances[index] as number)) distances[index] = distance;
    }
  }
}

/** Adds, for each row of `area` whose middle the segment a to b crosses, the x where it does. */
function cross(crossings: number[][], area: Area, a: Ring[number], b: Ring[number]): void {
  const [low, high] = a[1] < b[1] ? [a, b] : [b, a];
  const from = Math.max(area.y0, Math.ceil(low[1] - 0.5));
  const to = Math.min(area.y1, Math.ceil(high[1] - 0.5));
  for (let y = from; y < to; y++) {
    const t = (y + 0.5 - low[1]) / (high[1] - low[1]);
    crossings[y - area.y0]?.push(low[0] + t * (high[0] - low[0]));
  }
}
