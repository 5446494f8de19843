// Low-res logits to image pixels, as samwidget/core/upsample.py has it: bilinear to the network's input, then the part of it
// that the image fills bilinear to the image. Both steps together are one small sum along each axis.

import type { Box, Frame } from "../protocol.ts";

/** Pixel i of an axis is the sum over k of `weights[i * width + k] * logits[first[i] + k]`. */
interface Band {
  first: Int32Array;
  weights: Float32Array;
  width: number;
}

/** A mask cut to a part of its image: `inside` has 1 for each pixel of the mask, row by row. */
export interface PixelMask {
  x: number;
  y: number;
  width: number;
  height: number;
  inside: Uint8Array;
  area: number;
  /** Around the mask, the maximum exclusive; null where the mask is empty. */
  box: Box | null;
}

const bands = new Map<string, [Band, Band]>();
const BANDS_MAX = 8;

/** The pixels whose logit at the image's own size is above `threshold`. */
export function maskAbove(logits: Float32Array, frame: Frame, threshold: number): PixelMask {
  const { x, y, width, height, rows } = upsampled(logits, frame, threshold);
  const inside = new Uint8Array(width * height);
  let area = 0;
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  let at = 0;
  let row = 0;
  for (const values of rows) {
    for (let i = 0; i < width; i++, at++) {
      if (!((values[i] as number) > threshold)) continue;
      inside[at] = 1;
      area++;
      if (i < x0) x0 = i;
      if (i >= x1) x1 = i + 1;
      if (row < y0) y0 = row;
      y1 = row + 1;
    }
    row++;
  }
  return { x, y, width, height, inside, area, box: area === 0 ? null : [x + x0, y + y0, x + x1, y + y1] };
}

/** The part of the image where logits can be above `threshold`, and its rows, each in the same array. */
export function upsampled(
  logits: Float32Array,
  frame: Frame,
  threshold: number,
): { x: number; y: number; width: number; height: number; rows: Iterable<Float32Array> } {
  const [rowBand, columnBand] = bandsOf(frame);
  const [h, w] = frame.logits_hw;
  let [top, bottom, left, right] = [h, -1, w, -1];
  for (let row = 0, at = 0; row < h; row++) {
    for (let column = 0; column < w; column++, at++) {
      if (!((logits[at] as number) > threshold)) continue;
      if (row < top) top = row;
      bottom = row;
      if (column < left) left = column;
      if (column > right) right = column;
    }
  }
  const [y, yEnd] = bottom < 0 ? [0, 0] : dependent(rowBand, top, bottom);
  const [x, xEnd] = bottom < 0 ? [0, 0] : dependent(columnBand, left, right);
  if (y >= yEnd || x >= xEnd) return { x: 0, y: 0, width: 0, height: 0, rows: [] };
  return { x, y, width: xEnd - x, height: yEnd - y, rows: rowsOf(logits, w, rowBand, columnBand, x, xEnd, y, yEnd) };
}

function* rowsOf(
  logits: Float32Array,
  w: number,
  rowBand: Band,
  columnBand: Band,
  x: number,
  xEnd: number,
  y: number,
  yEnd: number,
): Generator<Float32Array> {
  const width = xEnd - x;
  const firstRow = rowBand.first[y] as number;
  const lastRow = (rowBand.first[yEnd - 1] as number) + rowBand.width;
  const wide = new Float32Array((lastRow - firstRow) * width);
  for (let row = firstRow; row < lastRow; row++) {
    for (let i = x; i < xEnd; i++) {
      const from = row * w + (columnBand.first[i] as number);
      let sum = 0;
      for (let k = 0; k < columnBand.width; k++) {
        sum += (columnBand.weights[i * columnBand.width + k] as number) * (logits[from + k] as number);
      }
      wide[(row - firstRow) * width + i - x] = sum;
    }
  }
  const values = new Float32Array(width);
  for (let i = y; i < yEnd; i++) {
    values.fill(0);
    for (let k = 0; k < rowBand.width; k++) {
      const weight = rowBand.weights[i * rowBand.width + k] as number;
      if (weight === 0) continue;
      const from = ((rowBand.first[i] as number) + k - firstRow) * width;
      for (let j = 0; j < width; j++) values[j] = (values[j] as number) + weight * (wide[from + j] as number);
    }
    yield values;
  }
}

/** The pixels that depend on a logit from `low` to `high`, both included: the first one, and the one after the last. */
function dependent({ first, width }: Band, low: number, high: number): [number, number] {
  let begin = 0;
  while (begin < first.length && (first[begin] as number) < low - width + 1) begin++;
  let end = first.length;
  while (end > begin && (first[end - 1] as number) > high) end--;
  return [begin, end];
}

function bandsOf(frame: Frame): [Band, Band] {
  const key = JSON.stringify(frame);
  const known = bands.get(key);
  if (known) return known;
  if (bands.size >= BANDS_MAX) bands.clear();
  const made = [0, 1].map((axis) =>
    twoSteps(...([frame.logits_hw, frame.input_hw, frame.content_hw, frame.image_hw].map((s) => s[axis]) as Lengths)),
  ) as [Band, Band];
  bands.set(key, made);
  return made;
}

type Lengths = [logits: number, input: number, content: number, image: number];

function twoSteps(...[logits, input, content, image]: Lengths): Band {
  const near = linear(logits, input);
  const far = linear(content, image);
  const windows = Array.from({ length: image }, (_, i) => {
    const parts: [source: number, weight: number][] = [];
    for (const [sample, share] of far(i))
      for (const [source, weight] of near(sample)) parts.push([source, share * weight]);
    return parts;
  });
  const lowest = windows.map((parts) => Math.min(...parts.map(([source]) => source)));
  const highest = windows.map((parts) => Math.max(...parts.map(([source]) => source)));
  let width = 1;
  for (let i = 0; i < image; i++) width = Math.max(width, (highest[i] as number) - (lowest[i] as number) + 1);
  const first = Int32Array.from(lowest, (low) => Math.min(low, logits - width));
  const weights = new Float32Array(image * width);
  for (const [i, parts] of windows.entries()) {
    const sums = new Float64Array(width);
    for (const [source, weight] of parts) {
      const k = source - (first[i] as number);
      sums[k] = (sums[k] as number) + weight;
    }
    weights.set(sums, i * width);
  }
  return { first, weights, width };
}

/** For a sample of `to`: the two samples of `from` that it lies between, with their weights. */
function linear(from: number, to: number): (index: number) => [sample: number, weight: number][] {
  return (index) => {
    const position = Math.max((index + 0.5) * (from / to) - 0.5, 0);
    const low = Math.min(Math.floor(position), from - 1);
    const share = low + 1 < from ? position - low : 0;
    return [
      [low, 1 - share],
      [Math.min(low + 1, from - 1), share],
    ];
  };
}
