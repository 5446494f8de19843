// The photo with the points of a grid, coloured by their fate, with the objects that are kept, and outlines of what is not.

import { element } from "./elements.ts";
import { BLUE, type Colour, css, greyed, mixed, ORANGE, painted, VERMILION } from "./figure.ts";
import { type Candidate, FATES, type Fate, type JudgedPoint, type Part } from "./grid_rules.ts";
import type { LivePhoto } from "./photo.ts";

/** They can be told apart with any colour vision. */
const COLOURS: readonly Colour[] = [[0, 158, 115], [86, 180, 233], ORANGE, VERMILION];
export const FATE_COLOURS = Object.fromEntries(FATES.map((fate, index) => [fate, COLOURS[index]])) as Readonly<
  Record<Fate, Colour>
>;
const CHOSEN: Colour = [255, 255, 255];
/** A mask that covers more than this share of the photo is drawn as an outline alone: it would tint everything. */
const TINTED_MOST = 0.25;
/** Pixels of the canvas for one of the photo: discs are sharp then. */
const SCALE = 2;
const greys = new WeakMap<LivePhoto, Promise<ImageData>>();

export interface GridDrawing {
  side: number;
  /** Where all points of the grid are, in image pixels; the first ones are asked. */
  grid: readonly (readonly [x: number, y: number])[];
  points: readonly JudgedPoint[];
  /** Points whose best mask gets an outline. */
  dropped: readonly { colour: Colour; points: readonly JudgedPoint[] }[];
  /** The index of the point whose best mask gets a white outline. */
  chosen: number | null;
}

export async function drawnGrid(photo: LivePhoto, drawing: GridDrawing): Promise<HTMLCanvasElement> {
  const { grid, points, chosen, side } = drawing;
  const [height, width] = photo.manifest.photo.size_hw;
  const small = element("canvas", { width: String(width), height: String(height) });
  small.getContext("2d")?.putImageData(coloured(await greyPhoto(photo), drawing), 0, 0);
  const canvas = element("canvas", { width: String(SCALE * width), height: String(SCALE * height), role: "img" });
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.scale(SCALE, SCALE);
  context.drawImage(small, 0, 0);
  // Discs of a fine grid do not touch.
  const radius = Math.min(5.5, (0.2 * width) / side);
  for (const [index, [x, y]] of grid.entries()) {
    const fate = points[index]?.fate;
    const isChosen = index === chosen;
    context.beginPath();
    context.arc(x, y, isChosen ? 1.5 * radius : radius, 0, 2 * Math.PI);
    context.fillStyle = fate ? css(FATE_COLOURS[fate]) : "#ffffff80";
    context.fill();
    context.lineWidth = isChosen ? 2 : 1;
    context.strokeStyle = isChosen ? "#000000" : "#ffffff";
    context.stroke();
  }
  const objects = points.reduce((count, point) => count + point.objects.length, 0);
  canvas.setAttribute("aria-label", `${points.length} points and ${objects} objects on the photo`);
  return canvas;
}

/** The pixels of the photo in grey, made once. */
function greyPhoto(photo: LivePhoto): Promise<ImageData> {
  const known = greys.get(photo);
  if (known) return known;
  const made = painted(photo, (_, pixel) => greyed(pixel)).then((canvas) =>
    (canvas.getContext("2d") as CanvasRenderingContext2D).getImageData(0, 0, canvas.width, canvas.height),
  );
  greys.set(photo, made);
  return made;
}

/** The grey photo with tints and outlines of what is kept, and outlines of what was dropped and of the chosen point. */
function coloured(grey: ImageData, { points, dropped, chosen }: GridDrawing): ImageData {
  const { width, height } = grey;
  const data = new Uint8ClampedArray(grey.data);
  const outline = ({ part }: Candidate, colour: Colour) => {
    for (const at of outlineOf(part, width)) data.set(colour, 4 * at);
  };
  const objects = points.flatMap(({ objects }) => objects);
  for (const { part } of objects.filter(({ area }) => area < TINTED_MOST * width * height)) {
    for (const at of pixelsOf(part, width)) {
      const value = grey.data[4 * at] as number;
      data.set(mixed([value, value, value], BLUE), 4 * at);
    }
  }
  for (const item of objects) outline(item, BLUE);
  for (const { colour, points: those } of dropped) for (const { best } of those) if (best) outline(best, colour);
  const best = chosen === null ? null : points[chosen]?.best;
  if (best) outline(best, CHOSEN);
  return new ImageData(data, width, height);
}

/** The indices in the photo of the pixels of a mask. */
function* pixelsOf({ x, y, width, height, inside }: Part, photoWidth: number): Generator<number> {
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      if (inside[at]) yield (y + row) * photoWidth + x + column;
    }
  }
}

/** The indices in the photo of the pixels of a mask that touch one outside of it. */
function* outlineOf(part: Part, photoWidth: number): Generator<number> {
  const { x, y, width, height, inside } = part;
  const isInside = (column: number, row: number) =>
    column >= 0 && row >= 0 && column < width && row < height && inside[row * width + column] === 1;
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      if (!inside[at]) continue;
      const isWithin =
        isInside(column - 1, row) &&
        isInside(column + 1, row) &&
        isInside(column, row - 1) &&
        isInside(column, row + 1);
      if (!isWithin) yield (y + row) * photoWidth + x + column;
    }
  }
}
