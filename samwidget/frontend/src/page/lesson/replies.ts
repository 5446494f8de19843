// Replies to what the figures of a lesson ask: masks and their measures, for prompts that belong to no document.

import type { Graphs, Network } from "../network.ts";
import { cleanMask } from "../regions.ts";
import { EMPTY_PROMPT } from "../values.ts";
import { areaOf, compare, type FullMask, fullMask } from "./masks.ts";
import type { CandidateView, PhotoRequest } from "./messages.ts";

type Truths = Readonly<Record<string, FullMask>>;

export async function replyTo(ask: PhotoRequest, network: Network, graphs: Graphs, truths: Truths): Promise<unknown> {
  const masks = await network.predict(ask.prompt);
  if (ask.kind === "logits") return masks.logits[ask.level];
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
