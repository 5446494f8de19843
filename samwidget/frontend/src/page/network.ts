// The network of the page: what NanoSegmenter and SamPredictor do around the graphs. A prompt becomes tensors, the last click
// reads the mask before it, and the masks are cleaned.

import type { Frame } from "../protocol.ts";
import { cleanMask } from "./regions.ts";
import { checkInside, largest, type Masks, type Prompt, samePrompt } from "./values.ts";

/** A prompt in pixels of the network's input. */
export interface DecoderInput {
  /** x and y of each point; one point of label -1 stands for none. */
  points: Float32Array;
  labels: Float32Array;
  /** Null where there is no box. */
  box: Float32Array | null;
  /** Low-res logits; null where no mask comes before. */
  mask: Float32Array | null;
}

/** Four masks: the single one, then three candidates. */
export interface Decoded {
  logits: Float32Array[];
  scores: number[];
}

/** The graphs, with the embedding of one image. */
export interface Graphs {
  decode(input: DecoderInput): Promise<Decoded>;
}

/** What the kernel needs of a network. */
export interface Network {
  readonly frame: Frame;
  /** The candidates of a prompt; throws PromptError where it is outside the image. */
  predict(prompt: Prompt): Promise<Masks>;
}

/** Under an included click logits are at least this, under an excluded one at most its negative. */
const CLICK_LOGIT = 0.5;
const LOGIT_STRIDE = 2;
const CLICKS_MAX = 16;
const PREVIOUS_MAX = 32;

export class NanoNetwork implements Network {
  readonly frame: Frame;
  readonly #graphs: Graphs;
  /** The masks of the prompts used last, by prompt, the oldest first. */
  readonly #previous = new Map<string, Float32Array>();
  #last: Masks | null = null;

  constructor(frame: Frame, graphs: Graphs) {
    this.frame = frame;
    this.#graphs = graphs;
  }

  async predict(prompt: Prompt): Promise<Masks> {
    checkInside(prompt, this.frame.image_hw);
    if (this.#last && samePrompt(this.#last.prompt, prompt)) return this.#last;
    const { logits, scores } = await this.#decode(prompt);
    const candidates = logits.slice(1);
    for (const candidate of candidates) cleanMask(candidate, prompt, this.frame);
    this.#last = { frame: this.frame, prompt, logits: candidates, scores: scores.slice(1) };
    return this.#last;
  }

  async #decode(prompt: Prompt): Promise<Decoded> {
    const earlier = previousPrompt(prompt);
    const mask = earlier ? (this.#previous.get(keyOf(earlier)) ?? (await this.#defaultMask(earlier))) : null;
    const input = this.#inputOf(prompt, mask);
    const decoded = await this.#graphs.decode(input);
    enforceClicks(decoded.logits, input, this.frame);
    this.#remember(prompt, decoded);
    return decoded;
  }

  async #defaultMask(prompt: Prompt): Promise<Float32Array> {
    const decoded = await this.#decode(prompt);
    return decoded.logits[defaultIndex(prompt, decoded.scores)] as Float32Array;
  }

  #remember(prompt: Prompt, { logits, scores }: Decoded): void {
    const key = keyOf(prompt);
    this.#previous.delete(key);
    // A copy: the candidates are cleaned in place.
    this.#previous.set(key, (logits[defaultIndex(prompt, scores)] as Float32Array).slice());
    for (const oldest of this.#previous.keys()) {
      if (this.#previous.size <= PREVIOUS_MAX) break;
      this.#previous.delete(oldest);
    }
  }

  #inputOf({ points, box }: Prompt, mask: Float32Array | null): DecoderInput {
    const { image_hw, content_hw } = this.frame;
    const [scaleX, scaleY] = [content_hw[1] / image_hw[1], content_hw[0] / image_hw[0]];
    const used: readonly (readonly [number, number, number])[] = points.length > 0 ? points : [[0, 0, -1]];
    return {
      points: Float32Array.from(used.flatMap(([x, y]) => [x * scaleX, y * scaleY])),
      labels: Float32Array.from(used, ([, , label]) => label),
      box: box && Float32Array.of(box[0] * scaleX, box[1] * scaleY, box[2] * scaleX, box[3] * scaleY),
      mask,
    };
  }
}

/** The prompt before the last click, and without all clicks beyond the 16th; null where no mask comes before. */
export function previousPrompt(prompt: Prompt): Prompt | null {
  const clicks = Math.min(prompt.points.length - 1, CLICKS_MAX);
  if (clicks < 0) return null;
  const points = prompt.points.slice(0, clicks);
  return prompt.box !== null || points.some(([, , label]) => label === 1) ? { ...prompt, points } : null;
}

/** Which of four masks is used where one is asked for: of clicks alone the best candidate, else the single mask. */
function defaultIndex({ points, box, level }: Prompt, scores: readonly number[]): number {
  if (level !== null) return 1 + level;
  return points.length > 0 && box === null ? 1 + largest(scores.slice(1)) : 0;
}

/** Changes logits under each click, so that masks contain included clicks and no excluded ones. */
function enforceClicks(masks: readonly Float32Array[], { points, labels }: DecoderInput, frame: Frame): void {
  const [height, width] = frame.logits_hw;
  const order = [...labels.keys()].sort((a, b) => (labels[a] as number) - (labels[b] as number));
  for (const index of order) {
    const label = labels[index] as number;
    if (label < 0) continue;
    const [x, y] = [0, 1].map((axis) => Math.fround((points[2 * index + axis] as number) / LOGIT_STRIDE - 0.5));
    const [left, right] = neighbours(x as number, width);
    const [top, bottom] = neighbours(y as number, height);
    for (const logits of masks) {
      for (let row = top; row < bottom; row++) {
        for (let at = row * width + left; at < row * width + right; at++) {
          const value = logits[at] as number;
          logits[at] = label === 1 ? Math.max(value, CLICK_LOGIT) : Math.min(value, -CLICK_LOGIT);
        }
      }
    }
  }
}

/** The indices less than one step from a position, the end exclusive. */
function neighbours(position: number, size: number): [number, number] {
  return [Math.max(0, Math.floor(position - 1) + 1), Math.min(size, Math.ceil(position + 1))];
}

function keyOf({ points, box, level }: Prompt): string {
  return JSON.stringify([points, box, level]);
}
