// The search of everything: the network is asked at each point of a grid, and the masks are filtered, as in
// samwidget/predict/everything and samwidget/widget/everything.py. One search at a time; kernel.ts runs its steps.

import type { Box, FoundObject } from "../protocol.ts";
import { notSuppressed } from "./nms.ts";
import { type Measures, type PackedMask, type Packer, rounded } from "./pack.ts";
import { maskAbove, upsampled } from "./upsample.ts";
import { type Draft, EMPTY_PROMPT, type Masks, NEW, type Prompt, point } from "./values.ts";

/** What decides which masks are best. */
export interface Options {
  /** Where the request gives none: coarser than in Python, because a page computes with one thread. */
  points_per_side: number;
  score_min: number;
  stability_min: number;
  stability_offset: number;
}

const BOX_IOU_MAX = 0.7;
const CANDIDATES = 3;
const GOLDEN_RATIO = (5 ** 0.5 - 1) / 2;

export interface FoundMask {
  id: number;
  draft: Draft;
  packed: PackedMask;
  stability: number;
  measures: { area: number; box: Box };
}

export class Search {
  readonly name = Math.random().toString(16).slice(2, 10).padEnd(8, "0");
  phase: "running" | "done" | "cancelled" | "failed" = "running";
  done = 0;
  secondsLeft: number | undefined;
  /** By id, in the order in which they were found. */
  readonly masks = new Map<number, FoundMask>();
  /** All that passed the filters, and may come back when what suppresses them goes. */
  readonly #passed: FoundMask[] = [];
  readonly #points: [x: number, y: number][];
  readonly #order: number[];
  readonly #options: Options;
  readonly re: string;
  #took_ms = 0;

  constructor(re: string, [height, width]: readonly [number, number], side: number, options: Options) {
    this.re = re;
    this.#options = options;
    this.#points = Array.from({ length: side * side }, (_, i) => [
      (((i % side) + 0.5) / side) * width,
      ((Math.floor(i / side) + 0.5) / side) * height,
    ]);
    this.#order = spreadOrder(side * side);
  }

  get total(): number {
    return this.#points.length;
  }

  /** The prompt of the next point. */
  next(): Prompt {
    const [x, y] = this.#points[this.#order[this.done] as number] as [number, number];
    return { ...EMPTY_PROMPT, points: [point(x, y, 1)] };
  }

  /** Takes the candidates of the next point; returns the masks that come, and the ids of those that go. */
  take(masks: Masks, packer: Packer, took_ms: number): { added: FoundMask[]; removed: number[] } {
    const first = (this.#order[this.done] as number) * CANDIDATES;
    for (const [level, logits] of masks.logits.entries()) {
      const passing = foundMask(first + level, masks, level, logits, packer, this.#options);
      if (passing) this.#passed.push(passing);
    }
    this.done++;
    this.#took_ms += took_ms;
    this.secondsLeft = ((this.total - this.done) * this.#took_ms) / this.done / 1000;
    const best = suppressed(this.#passed);
    const ids = new Set(best.map(({ id }) => id));
    const removed = [...this.masks.keys()].filter((id) => !ids.has(id));
    const added = best.filter(({ id }) => !this.masks.has(id));
    for (const id of removed) this.masks.delete(id);
    return { added, removed };
  }

  keep(added: readonly FoundMask[]): void {
    for (const mask of added) this.masks.set(mask.id, mask);
  }
}

/** The entry of a found mask in a message. */
export function summaryOf({ id, draft, packed, stability, measures }: FoundMask): FoundObject {
  const { colour, score } = draft;
  return { id, mask: packed.header.mask, colour, score: rounded(score), stability: rounded(stability), ...measures };
}

function foundMask(
  id: number,
  masks: Masks,
  level: number,
  logits: Float32Array,
  packer: Packer,
  { score_min, stability_min, stability_offset }: Options,
): FoundMask | null {
  const score = masks.scores[level] as number;
  if (score_min > 0 && !(score > Math.fround(score_min))) return null;
  const stability = stabilityOf(logits, masks, stability_offset);
  if (stability_min > 0 && !(stability >= Math.fround(stability_min))) return null;
  const { area, box }: Measures = maskAbove(logits, masks.frame, 0);
  if (box === null) return null;
  const draft = { ...NEW, logits, score, frame: masks.frame, prompt: masks.prompt, level };
  return { id, draft, packed: packer.of(logits, masks.frame), stability, measures: { area, box } };
}

/** The share of the mask at the lower of two thresholds that is left at the higher one. */
export function stabilityOf(logits: Float32Array, { frame }: Pick<Masks, "frame">, offset: number): number {
  let [high, low] = [0, 0];
  for (const values of upsampled(logits, frame, -offset).rows) {
    for (const value of values) {
      if (value > -offset) low++;
      if (value > offset) high++;
    }
  }
  return Math.fround(high / low);
}

/** Without the masks whose box overlaps that of a better one too much; the best first. */
function suppressed(passed: readonly FoundMask[]): FoundMask[] {
  const ranked = passed.map((mask) => ({ id: mask.id, score: mask.draft.score, box: mask.measures.box, mask }));
  return notSuppressed(ranked, BOX_IOU_MAX).map(({ mask }) => mask);
}

/** The numbers below `count`, in an order of which the first k are spread evenly, for every k. */
function spreadOrder(count: number): number[] {
  const share = Array.from({ length: count }, (_, i) => (i * GOLDEN_RATIO) % 1);
  return [...share.keys()].sort((a, b) => (share[a] as number) - (share[b] as number));
}
