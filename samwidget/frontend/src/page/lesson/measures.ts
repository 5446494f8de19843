// What exercises ask of the objects of a document: `prompt_measures` of samwidget/explain/lessons/rules.py, in the page.

import type { ObjectSummary } from "../../protocol.ts";
import { stabilityOf } from "../everything.ts";
import { largest, type Masks } from "../values.ts";
import { areaOf, boxAround, compare, type FullMask, fullMask, isOn } from "./masks.ts";

export type Measures = Readonly<Record<string, number | string | readonly number[]>>;

const SIDES = ["left", "upper", "right", "lower"] as const;

/** Of the last object, with the candidates of its prompt; `again` says how to begin again. */
export function measuresOf(
  objects: readonly ObjectSummary[],
  masksOf: (item: ObjectSummary) => Masks | null,
  truths: Readonly<Record<string, FullMask>>,
  threshold: number,
  stabilityOffset: number,
  masksFor: (points: ObjectSummary["points"]) => Masks | null = () => null,
): Measures {
  const item = objects.at(-1);
  const masks = item ? masksOf(item) : null;
  if (!item || !masks) return { objects: 0 };
  const present = fullMask(masks.logits[item.level ?? 0] as Float32Array, masks.frame, threshold);
  const candidates = masks.logits.map((logits) => fullMask(logits, masks.frame, 0));
  const [includes, excludes] = [1, 0].map((label) => item.points.filter((point) => point[2] === label)) as [
    typeof item.points,
    typeof item.points,
  ];
  const measures: Record<string, Measures[string]> = {
    objects: objects.length,
    clicks: item.points.length,
    s: item.points.length === 1 ? "" : "s",
    excludes: excludes.length,
    box: item.prompt_box ? 1 : 0,
    area: areaOf(present),
    candidate: (item.level ?? 0) + 1,
  };
  Object.assign(measures, bordersOf(objects, masksOf, stabilityOffset));
  for (const [level, score] of masks.scores.entries()) measures[`score_${level + 1}`] = score;
  for (const [name, truth] of Object.entries(truths)) {
    const { iou, excess, missing } = compare(present, truth);
    const overlaps = candidates.map((candidate) => compare(candidate, truth).iou);
    const best = Math.max(...overlaps);
    Object.assign(measures, {
      [`iou_${name}`]: iou,
      [`excess_${name}`]: excess,
      [`missing_${name}`]: missing,
      [`includes_on_${name}`]: includes.filter(([x, y]) => isOn(truth, x, y)).length,
      [`excludes_on_${name}`]: excludes.filter(([x, y]) => isOn(truth, x, y)).length,
      [`best_iou_${name}`]: best,
      [`best_candidate_${name}`]: overlaps.indexOf(best) + 1,
    });
    measures[`ious_${name}`] = [...earlierIous(item, masksFor, truth), iou];
    for (const [level, overlap] of overlaps.entries()) measures[`iou_${name}_${level + 1}`] = overlap;
    if (item.prompt_box) Object.assign(measures, offOf(item.prompt_box, truth, name));
  }
  return measures;
}

/** The stability of each object: how sure its border is. */
function bordersOf(
  objects: readonly ObjectSummary[],
  masksOf: (item: ObjectSummary) => Masks | null,
  offset: number,
): Record<string, Measures[string]> {
  const stabilities = objects.flatMap((item) => {
    const masks = masksOf(item);
    return masks ? stabilityOf(masks.logits[item.level ?? 0] as Float32Array, masks, offset) : [];
  });
  const sentences = stabilities.map((value, i) => `Object ${i + 1} has a stability of ${value.toFixed(2)}.`);
  return { most: Math.max(...stabilities), least: Math.min(...stabilities), state: sentences.join(" ") };
}

/** The IoU after each click but the last, with the best candidate of then; a mask that is not known is left out. */
function earlierIous(
  { points }: ObjectSummary,
  masksFor: (points: ObjectSummary["points"]) => Masks | null,
  truth: FullMask,
): number[] {
  return points.slice(1).flatMap((_, index) => {
    const masks = masksFor(points.slice(0, index + 1));
    if (!masks) return [];
    return compare(fullMask(masks.logits[largest(masks.scores)] as Float32Array, masks.frame, 0), truth).iou;
  });
}

/** The side of a box that is farthest from the truth, as a share of the size of the truth, and how far it is. */
function offOf(box: readonly number[], truth: FullMask, name: string): Record<string, number | string> {
  const around = boxAround(truth) ?? [0, 0, truth.width, truth.height];
  const sizes = [0, 1, 0, 1].map((axis) => (around[axis + 2] as number) - (around[axis] as number));
  // Positive: outside of the truth.
  const outward = box.map((side, index) => (side - (around[index] as number)) * (index < 2 ? -1 : 1));
  const shares = outward.map((pixels, index) => Math.abs(pixels) / (sizes[index] as number));
  const index = shares.indexOf(Math.max(...shares));
  const pixels = outward[index] as number;
  return {
    [`off_share_${name}`]: shares[index] as number,
    [`off_side_${name}`]: SIDES[index] as string,
    [`outward_${name}`]: pixels,
    [`inward_${name}`]: -pixels,
  };
}

/** Names a prompt in a map. */
export function promptKey(points: readonly (readonly number[])[], box: readonly number[] | null, level: number | null) {
  return JSON.stringify([points, box, level]);
}
