// Masks as the bytes that the view draws: samwidget/widget/wire/encode.py.

import { zlibSync } from "fflate";

import type { Box, Frame, MaskHeader } from "../protocol.ts";
import { THRESHOLD_MAX, THRESHOLD_MIN } from "../traits.ts";
import type { Masks } from "./values.ts";

/** Steps of a byte per unit of logit. */
const SCALE = 16;

export interface PackedMask {
  header: MaskHeader;
  bytes: Uint8Array;
}

/** What a mask measures at the present threshold. */
export interface Measures {
  area: number;
  box: Box | null;
}

/** The bytes of low-res logits, cut to the window that some threshold of the slider shows. */
export function pack(logits: Float32Array, frame: Frame): PackedMask {
  const window = windowOf(logits, frame);
  const [x, y, width, height] = window;
  const values = quantised(logits, frame.logits_hw[1], x, y, width, height);
  // Stored, not compressed: they cross no network.
  const bytes = values.length > 0 ? zlibSync(values, { level: 0 }) : new Uint8Array();
  return { header: { mask: `m${hashOf(JSON.stringify([window, frame]), values)}`, window, scale: SCALE }, bytes };
}

function windowOf(logits: Float32Array, { logits_hw, input_hw, content_hw }: Frame): MaskHeader["window"] {
  // One row of the padding is kept, because interpolation reads it.
  const [height, width] = [0, 1].map((axis) => {
    const [full, input, content] = [logits_hw, input_hw, content_hw].map((size) => size[axis]) as [
      number,
      number,
      number,
    ];
    return Math.min(Math.ceil((content * full) / input) + 1, full);
  }) as [number, number];
  let [top, bottom, left, right] = [height, -1, width, -1];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      if (!((logits[row * logits_hw[1] + column] as number) > THRESHOLD_MIN)) continue;
      top = Math.min(top, row);
      bottom = row;
      left = Math.min(left, column);
      right = Math.max(right, column);
    }
  }
  if (bottom < 0) return [0, 0, 0, 0];
  const [x, y] = [Math.max(0, left - 1), Math.max(0, top - 1)];
  return [x, y, Math.min(width, right + 2) - x, Math.min(height, bottom + 2) - y];
}

/** A byte b for each logit of a window: it stands for (b - 127.5) / SCALE. Flat where no outline can be. */
function quantised(logits: Float32Array, w: number, x: number, y: number, width: number, height: number): Uint8Array {
  const bytes = new Uint8Array(width * height);
  const sides = new Int8Array(width * height);
  for (let row = 0, at = 0; row < height; row++) {
    let from = (row + y) * w + x;
    for (let column = 0; column < width; column++, at++, from++) {
      const value = logits[from] as number;
      sides[at] = value > THRESHOLD_MAX ? 1 : value < THRESHOLD_MIN ? -1 : 0;
      bytes[at] = Math.min(Math.max(Math.ceil(Math.fround(value * SCALE)) + 127, 0), 255);
    }
  }
  const isFlat = flat(flat(sides, width, height, 1), width, height, width);
  for (let at = 0; at < bytes.length; at++) if (isFlat[at] !== 0) bytes[at] = isFlat[at] === 1 ? 255 : 0;
  return bytes;
}

/** The sides of pixels that are on the same side as the pixel before and after them along an axis, else 0. */
function flat(sides: Int8Array, width: number, height: number, step: number): Int8Array {
  const result = sides.slice();
  const [along, count] = step === 1 ? [width, height] : [height, width];
  const across = step === 1 ? width : 1;
  for (let line = 0; line < count; line++) {
    for (let i = 1, at = line * across; i < along; i++, at += step) {
      if (sides[at] === sides[at + step]) continue;
      result[at] = 0;
      result[at + step] = 0;
    }
  }
  return result;
}

/** Two 32-bit hashes (FNV-1a from different seeds, four bytes at a time): the same bytes have the same name. */
function hashOf(text: string, bytes: Uint8Array): string {
  let [first, second] = [0x811c9dc5, 0x1b873593];
  const take = (value: number) => {
    first = mixed(first, value);
    second = mixed(second, value);
  };
  for (let i = 0; i < text.length; i++) take(text.charCodeAt(i));
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  for (let i = 0; i < words.length; i++) take(words[i] as number);
  for (let i = 4 * words.length; i < bytes.length; i++) take(bytes[i] as number);
  return [first, second].map((hash) => (hash >>> 0).toString(16).padStart(8, "0")).join("");
}

/** Multiplication carries bits up alone, so the upper ones are mixed into the lower ones. */
function mixed(hash: number, value: number): number {
  const product = Math.imul(hash ^ value, 0x01000193);
  return product ^ (product >>> 15);
}

/** Packs each array of logits once. */
export class Packer {
  readonly #packed = new WeakMap<Float32Array, PackedMask>();

  of(logits: Float32Array, frame: Frame): PackedMask {
    const known = this.#packed.get(logits) ?? pack(logits, frame);
    this.#packed.set(logits, known);
    return known;
  }

  candidates(masks: Masks | null): PackedMask[] {
    return masks ? masks.logits.map((logits) => this.of(logits, masks.frame)) : [];
  }
}

export function rounded(score: number): number {
  return Math.round(score * 1e4) / 1e4;
}
