// The colours of objects, as samwidget/core/palette.py chooses them: easy to tell apart, from the photo and from neighbours.

import { imagePerLogit } from "../contour.ts";
import type { Frame } from "../protocol.ts";
import type { Draft } from "./values.ts";

export const COLOURS = [
  "#e8590c", // orange
  "#0ca678", // green
  "#7048e8", // violet
  "#fab005", // yellow
  "#4dabf7", // sky
  "#a61e4d", // wine
  "#d8f5a2", // lime
  "#1c7ed6", // blue
  "#ffc9c9", // rose
  "#862e9c", // plum
] as const;

/** Masks and photo are compared on a grid with this many cells along the longer side of the image. */
const CELLS = 128;
/** Masks that are not further apart than this, in cells, are neighbours. */
const REACH = 2;
/** A colour and the photo look alike in a cell when their distance in CIELAB is smaller. */
const ALIKE_BELOW = 45;
/** The photo hides a colour when they look alike in more than this part of the cells. */
const HIDDEN_ABOVE = 0.2;

type Lab = readonly [l: number, a: number, b: number];
const LISTED = COLOURS.map((name) => labOf([1, 3, 5].map((i) => Number.parseInt(name.slice(i, i + 2), 16))));
/** Of the cells of each photo: they stay the same from click to click. */
const labsOfPhotos = new WeakMap<Photo, Float64Array>();

/** Pixels of the photo, of any size: they cover the image. */
export interface Photo {
  width: number;
  height: number;
  rgb: Uint8Array;
}

/** The colours of new objects, in their order. A draft keeps a colour of the list that no neighbour has. */
export function colours(
  drafts: readonly Draft[],
  others: readonly Draft[],
  taken: ReadonlySet<string>,
  photo: Photo | null,
): string[] {
  const items = [...others, ...drafts];
  const first = items[0];
  if (!first || drafts.length === 0) return [];
  const grid = gridOf(first.frame);
  const { above, beneath } = layersOf(items, grid);
  const chosen = items.map(({ colour }) => colour);
  const uses = countOf(chosen);
  for (let index = others.length; index < items.length; index++) {
    const near = grown(above, index, grid);
    const [neighbours, covered] = [above, beneath].map((layer) => {
      const there = near.map((cell) => layer[cell] as number).filter((item) => item !== index && item !== -1);
      return countOf(there.map((item) => chosen[item] as string));
    }) as [Map<string, number>, Map<string, number>];
    const rank = (name: string) => [neighbours.get(name) ?? 0, covered.get(name) ?? 0];
    const own = chosen[index] as string;
    const least = [...COLOURS].map(rank).sort(compare)[0] as number[];
    if ((COLOURS as readonly string[]).includes(own) && compare(rank(own), least) === 0) continue;
    const hidden = hiddenBy(photo, near, grid);
    const ranks = COLOURS.map((name, order) => ({
      name,
      rank: [...rank(name), Number(taken.has(name)), Number(hidden.has(name)), uses.get(name) ?? 0, order],
    }));
    const best = ranks.sort((a, b) => compare(a.rank, b.rank))[0]?.name as string;
    chosen[index] = best;
    uses.set(best, (uses.get(best) ?? 0) + 1);
  }
  return chosen.slice(others.length);
}

/** The colour of the list that is taken least often, the first of them. */
export function leastUsedColour(taken: readonly string[]): string {
  const uses = countOf(taken);
  return COLOURS.reduce(
    (best: string, name) => ((uses.get(name) ?? 0) < (uses.get(best) ?? 0) ? name : best),
    COLOURS[0],
  );
}

interface Grid {
  width: number;
  height: number;
  /** The logit under each cell. */
  logits: Int32Array;
}

function gridOf(frame: Frame): Grid {
  const [imageHeight, imageWidth] = frame.image_hw;
  const scale = Math.min(1, CELLS / Math.max(imageHeight, imageWidth));
  const [height, width] = [imageHeight, imageWidth].map((side) => Math.max(1, halfToEven(side * scale))) as [
    number,
    number,
  ];
  const [perX, perY] = imagePerLogit(frame);
  const [h, w] = frame.logits_hw;
  const logits = new Int32Array(width * height);
  for (let row = 0; row < height; row++) {
    const y = Math.min(Math.floor(((row + 0.5) * imageHeight) / height / perY), h - 1);
    for (let column = 0; column < width; column++) {
      const x = Math.min(Math.floor(((column + 0.5) * imageWidth) / width / perX), w - 1);
      logits[row * width + column] = y * w + x;
    }
  }
  return { width, height, logits };
}

/** As Python rounds. */
function halfToEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}

/** Which item is uppermost in each cell, and which one is beneath it; -1 where there is none. */
function layersOf(items: readonly Draft[], grid: Grid): { above: Int32Array; beneath: Int32Array } {
  const above = new Int32Array(grid.logits.length).fill(-1);
  const beneath = above.slice();
  for (const [index, { visible, logits }] of items.entries()) {
    if (!visible) continue;
    for (let cell = 0; cell < grid.logits.length; cell++) {
      if (!((logits[grid.logits[cell] as number] as number) > 0)) continue;
      beneath[cell] = above[cell] as number;
      above[cell] = index;
    }
  }
  return { above, beneath };
}

/** The cells in which an item is uppermost, and those within reach. */
function grown(above: Int32Array, index: number, { width, height }: Grid): number[] {
  const near = new Uint8Array(above.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      if (above[row * width + column] !== index) continue;
      for (let i = Math.max(0, row - REACH); i < Math.min(height, row + REACH + 1); i++) {
        near.fill(1, i * width + Math.max(0, column - REACH), i * width + Math.min(width, column + REACH + 1));
      }
    }
  }
  const cells: number[] = [];
  for (let cell = 0; cell < near.length; cell++) if (near[cell]) cells.push(cell);
  return cells;
}

function countOf(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) if (value !== b[i]) return value - (b[i] as number);
  return 0;
}

/** The colours that the photo hides in some cells. */
function hiddenBy(photo: Photo | null, cells: readonly number[], grid: Grid): Set<string> {
  if (!photo || cells.length === 0) return new Set();
  const labs = labsOf(photo, grid);
  const hidden = LISTED.map((listed) => {
    let alike = 0;
    for (const cell of cells) {
      const l = (labs[3 * cell] as number) - listed[0];
      const a = (labs[3 * cell + 1] as number) - listed[1];
      const b = (labs[3 * cell + 2] as number) - listed[2];
      if (Math.hypot(l, a, b) < ALIKE_BELOW) alike++;
    }
    return alike > HIDDEN_ABOVE * cells.length;
  });
  return new Set(COLOURS.filter((_, i) => hidden[i]));
}

/** CIELAB of the photo in each cell. */
function labsOf(photo: Photo, { width, height }: Grid): Float64Array {
  const known = labsOfPhotos.get(photo);
  if (known?.length === 3 * width * height) return known;
  const labs = new Float64Array(3 * width * height);
  for (let cell = 0; cell < width * height; cell++) {
    const x = Math.floor((((cell % width) + 0.5) * photo.width) / width);
    const y = Math.floor(((Math.floor(cell / width) + 0.5) * photo.height) / height);
    const at = 3 * (y * photo.width + x);
    labs.set(labOf([...photo.rgb.subarray(at, at + 3)]), 3 * cell);
  }
  labsOfPhotos.set(photo, labs);
  return labs;
}

/** CIELAB of sRGB under daylight (D65). */
function labOf(rgb: readonly number[]): Lab {
  const linear = rgb.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const [r, g, b] = linear as [number, number, number];
  const x = Math.cbrt((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
  const y = Math.cbrt(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = Math.cbrt((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
