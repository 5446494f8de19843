// A network that tests can read by eye, the same as in tests/widget/fakes.py: three discs around each include point, less
// those around the excludes; the middle one scores best.

import { imagePerLogit } from "../../src/contour.ts";
import type { Network } from "../../src/page/network.ts";
import { checkInside, type Masks, type Prompt } from "../../src/page/values.ts";
import type { Frame } from "../../src/protocol.ts";

/** Of an image of 128 x 96 pixels, padded to a square. */
export const DISC_FRAME: Frame = {
  image_hw: [96, 128],
  input_hw: [256, 256],
  content_hw: [192, 256],
  logits_hw: [64, 64],
};

export class DiscNetwork implements Network {
  readonly frame = DISC_FRAME;

  async predict(prompt: Prompt): Promise<Masks> {
    checkInside(prompt, this.frame.image_hw);
    const logits = [4, 8, 12].map((radius) => discs(prompt, radius, this.frame));
    return { frame: this.frame, prompt, logits, scores: [0.5, Math.fround(0.9), Math.fround(0.7)] };
  }
}

function discs({ points, box }: Prompt, radius: number, frame: Frame): Float32Array {
  const [height, width] = frame.logits_hw;
  const [perX, perY] = imagePerLogit(frame);
  const logits = new Float32Array(height * width).fill(-10);
  const clip = (value: number) => Math.min(Math.max(value, -10), 10);
  const change = (join: (before: number, after: number) => number, valueAt: (x: number, y: number) => number) => {
    for (let at = 0; at < logits.length; at++) {
      logits[at] = join(logits[at] as number, valueAt((at % width) + 0.5, Math.floor(at / width) + 0.5));
    }
  };
  if (box) {
    const [x0, y0, x1, y1] = [box[0] / perX, box[1] / perY, box[2] / perX, box[3] / perY].map(
      Math.fround,
    ) as typeof box;
    change(Math.max, (x, y) => clip(Math.min(x - x0, x1 - x, y - y0, y1 - y)));
  }
  for (const sign of [1, 0]) {
    for (const [x, y, label] of points) {
      if (label !== sign) continue;
      const [cx, cy] = [Math.fround(x / perX), Math.fround(y / perY)];
      const disc = (column: number, row: number) => clip(radius - Math.hypot(column - cx, row - cy));
      if (sign) change(Math.max, disc);
      else change(Math.min, (column, row) => -disc(column, row));
    }
  }
  return logits;
}
