// Connected regions of a mask, and masks of a prompt without stray islands and small holes: samwidget/predict/cleanup.py.

import { imagePerLogit } from "../contour.ts";
import type { Frame } from "../protocol.ts";
import type { Prompt } from "./values.ts";

/** An island or a hole is small below this share of the object's area. */
const SMALL_SHARE = 0.1;
/** A hole in which a logit is this or less is no mistake, as the food on a plate. */
const SURE_LOGIT = -1;
/** The smallest absolute logit of a pixel that is changed. */
const LOGIT_MIN = Math.fround(1e-3);

interface Grid {
  values: Uint8Array;
  width: number;
  height: number;
}

/** Numbers of the regions from 1, 0 outside the mask, and the area of each by its number. Pixels share an edge. */
export function regionsOf({ values, width }: Omit<Grid, "height">): { numbers: Int32Array; areas: number[] } {
  const numbers = new Int32Array(values.length);
  const areas = [0];
  // Each pixel is pushed once.
  const stack = new Int32Array(values.length);
  let waiting = 0;
  let number = 0;
  const push = (at: number) => {
    if (!values[at] || numbers[at]) return;
    numbers[at] = number;
    stack[waiting++] = at;
  };
  for (let start = 0; start < values.length; start++) {
    if (!values[start] || numbers[start]) continue;
    number = areas.length;
    let area = 0;
    push(start);
    while (waiting > 0) {
      const at = stack[--waiting] as number;
      area++;
      const column = at % width;
      if (column > 0) push(at - 1);
      if (column + 1 < width) push(at + 1);
      if (at >= width) push(at - width);
      if (at + width < values.length) push(at + width);
    }
    areas.push(area);
  }
  return { numbers, areas };
}

/** Changes low-res logits: regions without an included point go where another has one, else small ones; small holes close, but sure ones. */
export function cleanMask(logits: Float32Array, prompt: Prompt, frame: Frame): void {
  const [h, w] = frame.logits_hw;
  let [top, bottom, left, right] = [h, -1, w, -1];
  for (let row = 0, at = 0; row < h; row++) {
    for (let column = 0; column < w; column++, at++) {
      if (!((logits[at] as number) > 0)) continue;
      top = Math.min(top, row);
      bottom = row;
      left = Math.min(left, column);
      right = Math.max(right, column);
    }
  }
  if (bottom < 0) return;
  const [width, height] = [right - left + 1, bottom - top + 1];
  const mask = { values: new Uint8Array(width * height), width, height };
  const at = (row: number, column: number) => (row + top) * w + column + left;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      mask.values[row * width + column] = (logits[at(row, column)] as number) > 0 ? 1 : 0;
    }
  }
  const pixels = (label: number) => pixelsOf(prompt, label, frame).map(([x, y]) => [x - left, y - top] as const);
  const staying = keptRegions(mask, pixels(1));
  const isSure = (row: number, column: number) => (logits[at(row, column)] as number) <= SURE_LOGIT;
  const filled = filledHoles(staying, pixels(0), isSure);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const here = row * width + column;
      const value = logits[at(row, column)] as number;
      const strength = Math.max(Math.abs(value), LOGIT_MIN);
      if (filled[here]) logits[at(row, column)] = strength;
      else if (mask.values[here] && !staying.values[here]) logits[at(row, column)] = -strength;
    }
  }
}

type Pixel = readonly [x: number, y: number];

function keptRegions(mask: Grid, included: readonly Pixel[]): Grid {
  const { numbers, areas } = regionsOf(mask);
  const clicked = regionsAt(numbers, mask.width, mask.height, included);
  const areaMin = SMALL_SHARE * Math.max(...areas);
  const stays = areas.map((area, number) => number > 0 && (clicked.size > 0 ? clicked.has(number) : area >= areaMin));
  // A loop takes a tenth of the time of Uint8Array.from.
  const values = new Uint8Array(numbers.length);
  for (let at = 0; at < numbers.length; at++) values[at] = stays[numbers[at] as number] ? 1 : 0;
  return { ...mask, values };
}

/** 1 where a hole is to be filled: small, inside, without an excluded point, and without a pixel that is surely outside. */
function filledHoles(
  staying: Grid,
  excluded: readonly Pixel[],
  isSure: (row: number, column: number) => boolean,
): Uint8Array {
  // A margin joins all of the outside that reaches the border into the region at the corner.
  const [width, height] = [staying.width + 2, staying.height + 2];
  const outside = new Uint8Array(width * height).fill(1);
  let area = 0;
  for (let row = 0; row < staying.height; row++) {
    for (let column = 0; column < staying.width; column++) {
      if (!staying.values[row * staying.width + column]) continue;
      outside[(row + 1) * width + column + 1] = 0;
      area++;
    }
  }
  const { numbers, areas } = regionsOf({ values: outside, width });
  const there = excluded.map(([x, y]) => [x + 1, y + 1] as const);
  const stays = regionsAt(numbers, width, height, there)
    .add(0)
    .add(numbers[0] as number);
  // An array, because there may be as many sure pixels as pixels.
  const hasSure = new Uint8Array(areas.length);
  for (let row = 0; row < staying.height; row++) {
    for (let column = 0; column < staying.width; column++) {
      if (isSure(row, column)) hasSure[numbers[(row + 1) * width + column + 1] as number] = 1;
    }
  }
  const isFilled = areas.map(
    (holeArea, number) => !stays.has(number) && !hasSure[number] && holeArea < SMALL_SHARE * area,
  );
  const filled = new Uint8Array(staying.values.length);
  for (let row = 0; row < staying.height; row++) {
    for (let column = 0; column < staying.width; column++) {
      filled[row * staying.width + column] = isFilled[numbers[(row + 1) * width + column + 1] as number] ? 1 : 0;
    }
  }
  return filled;
}

/** Numbers of the regions at pixels or beside them: a click on an outline means the region next to it. */
function regionsAt(numbers: Int32Array, width: number, height: number, pixels: readonly Pixel[]): Set<number> {
  const numbersThere = new Set<number>();
  for (const [x, y] of pixels) {
    for (let row = Math.max(0, y - 1); row < Math.min(height, y + 2); row++) {
      for (let column = Math.max(0, x - 1); column < Math.min(width, x + 2); column++) {
        numbersThere.add(numbers[row * width + column] as number);
      }
    }
  }
  numbersThere.delete(0);
  return numbersThere;
}

/** The logits that contain the points with a label. */
function pixelsOf({ points }: Prompt, label: number, frame: Frame): Pixel[] {
  const [perX, perY] = imagePerLogit(frame);
  const [h, w] = frame.logits_hw;
  const index = (position: number, size: number) => Math.min(Math.max(Math.floor(Math.fround(position)), 0), size - 1);
  return points.filter((item) => item[2] === label).map(([x, y]) => [index(x / perX, w), index(y / perY, h)]);
}
