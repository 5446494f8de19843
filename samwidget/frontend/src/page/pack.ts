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
  const bytes =
    width && height
      ? zlibSync(quantised(logits, frame.logits_hw[1], x, y, width, height), { level: 1 })
      : new Uint8Array();
  return { header: { mask: `m${hashOf(JSON.stringify([window, frame]), bytes)}`, window, scale: SCALE }, bytes };
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
  const side = (row: number, column: number) => {
    const value = logits[(row + y) * w + column + x] as number;
    return value > THRESHOLD_MAX ? 1 : value < THRESHOLD_MIN ? -1 : 0;
  };
  const isFlat = (row: number, column: number, own: number) => {
    for (let i = Math.max(0, row - 1); i < Math.min(height, row + 2); i++) {
      for (let j = Math.max(0, column - 1); j < Math.min(width, column + 2); j++) if (side(i, j) !== own) return false;
    }
    return true;
  };
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const own = side(row, column);
      const step = Math.ceil(Math.fround((logits[(row + y) * w + column + x] as number) * SCALE)) + 127;
      const byte = own !== 0 && isFlat(row, column, own) ? (own > 0 ? 255 : 0) : Math.min(Math.max(step, 0), 255);
      bytes[row * width + column] = byte;
    }
  }
  return bytes;
}

/** Two 32-bit hashes (FNV-1a from different seeds): the same bytes have the same name. */
function hashOf(text: string, bytes: Uint8Array): string {
  const parts = [0x811c9dc5, 0x1b873593].map((seed) => {
    let hash = seed;
    const take = (byte: number) => {
      hash = Math.imul(hash ^ byte, 0x01000193);
    };
    for (let i = 0; i < text.length; i++) take(text.charCodeAt(i));
    for (const byte of bytes) take(byte);
    return (hash >>> 0).toString(16).padStart(8, "0");
  });
  return parts.join("");
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
