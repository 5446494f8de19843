// Replies to what the figures of a lesson ask: masks and their measures, for prompts that belong to no document.

import { stabilityOf } from "../everything.ts";
import type { Graphs, Network } from "../network.ts";
import { cleanMask } from "../regions.ts";
import { maskAbove } from "../upsample.ts";
import { EMPTY_PROMPT, type Masks } from "../values.ts";
import { areaOf, compare, type FullMask, fullMask } from "./masks.ts";
import type { CandidateView, FoundView, PhotoRequest } from "./messages.ts";

type Truths = Readonly<Record<string, FullMask>>;

export async function replyTo(ask: PhotoRequest, network: Network, graphs: Graphs, truths: Truths): Promise<unknown> {
  const masks = await network.predict(ask.prompt);
  if (ask.kind === "logits") return masks.logits[ask.level];
  if (ask.kind === "found") return foundOf(masks, ask.offset);
  const truth = ask.truth === null ? null : (truths[ask.truth] ?? null);
  if (ask.kind === "candidates") return viewsOf(masks.logits, masks.scores, network, truth, ask.threshold);
  // The mask alone: no point, no box.
  const { logits, scores } = await graphs.decode({
    points: Float32Array.of(0, 0),
    labels: Float32Array.of(-1),
    box: null,
    mask: masks.logits[ask.level] as Float32Array,
  });
  const candidates = logits.slice(1);
  for (const candidate of candidates) cleanMask(candidate, EMPTY_PROMPT, network.frame);
  return viewsOf(candidates, scores.slice(1), network, truth, 0);
}

function foundOf(masks: Masks, offset: number): FoundView[] {
  return masks.logits.map((logits, level) => {
    const { area, box, ...part } = maskAbove(logits, masks.frame, 0);
    return { score: masks.scores[level] as number, stability: stabilityOf(logits, masks, offset), area, box, part };
  });
}

function viewsOf(
  logits: readonly Float32Array[],
  scores: readonly number[],
  { frame }: Network,
  truth: FullMask | null,
  threshold: number,
): CandidateView[] {
  return logits.map((values, level) => {
    const mask = fullMask(values, frame, threshold);
    const iou = truth && compare(mask, truth).iou;
    return { score: scores[level] as number, iou, area: areaOf(mask), inside: mask.inside };
  });
}
