// What becomes of the points of a grid, and what the exercises of lesson 8 measure: pure functions, which give what
// samwidget/explain/grid_points.py and samwidget/explain/lessons/grid_rules.py give.

import { notSuppressed, type Ranked } from "../nms.ts";
import type { PixelMask } from "../upsample.ts";
import { areaOf, type FullMask } from "./masks.ts";
import { filled } from "./rules.ts";

/** What becomes of a point, the best first: that of the best of its three candidates. */
export const FATES = ["kept", "duplicate", "not stable", "score too low"] as const;
export type Fate = (typeof FATES)[number];

/** A part of the photo with a mask: 1 inside, row by row. */
export type Part = Pick<PixelMask, "x" | "y" | "width" | "height" | "inside">;

/** A candidate of a point that is not empty; its id is three times the index of its point, plus its level. */
export interface Candidate extends Ranked {
  stability: number;
  area: number;
  part: Part;
}

export interface AskedPoint {
  x: number;
  y: number;
  candidates: readonly Candidate[];
}

export interface Settings {
  /** Masks with a score above it are kept. */
  score: number;
  /** Masks with at least this stability are kept. */
  stability: number;
  /** Of masks whose boxes overlap by more than this IoU, the one with the highest score is kept. */
  overlap: number;
}

export interface JudgedPoint extends AskedPoint {
  fate: Fate;
  /** The objects that it gave. */
  objects: readonly Candidate[];
  /** The candidate that came closest to being kept; null where all are empty. */
  best: Candidate | null;
}

/** Python's texts of the reasons, with numbers in braces. */
export interface Reasons {
  reasons: Readonly<Record<Fate, string>>;
  empty: string;
}

/** What counts as a coin. */
export interface CoinSize {
  /** The area is between the two. */
  area_px: readonly [number, number];
  /** IoU from which two masks are the same object. */
  same: number;
  /** A mask that covers more than this share of the photo is the background. */
  large: number;
}

/** The points of a grid, row by row, in image pixels. */
export function gridPoints(side: number, [height, width]: readonly [number, number]): [x: number, y: number][] {
  const share = (index: number) => (index + 0.5) / side;
  return Array.from({ length: side * side }, (_, i) => [share(i % side) * width, share(Math.floor(i / side)) * height]);
}

/** Every point that was asked, with its fate. */
export function judgedPoints(points: readonly AskedPoint[], settings: Settings): JudgedPoint[] {
  // In float32, as Python compares; 0 keeps every score.
  const [score, stability] = [Math.fround(settings.score), Math.fround(settings.stability)];
  const isGood = (item: Candidate) => score <= 0 || item.score > score;
  const isStable = (item: Candidate) => item.stability >= stability;
  const stable = points.flatMap(({ candidates }) => candidates.filter((item) => isGood(item) && isStable(item)));
  const ids = new Set(notSuppressed(stable, settings.overlap).map(({ id }) => id));
  return points.map((point) => {
    const objects = point.candidates.filter(({ id }) => ids.has(id));
    const good = point.candidates.filter(isGood);
    const fits = good.filter(isStable);
    if (objects.length > 0) return { ...point, fate: "kept", objects, best: largestOf(objects, "score") };
    if (good.length === 0) {
      return { ...point, fate: "score too low", objects, best: largestOf(point.candidates, "score") };
    }
    if (fits.length === 0) return { ...point, fate: "not stable", objects, best: largestOf(good, "stability") };
    return { ...point, fate: "duplicate", objects, best: largestOf(fits, "score") };
  });
}

function largestOf(candidates: readonly Candidate[], name: "score" | "stability"): Candidate | null {
  return candidates.reduce<Candidate | null>((best, item) => (best && best[name] >= item[name] ? best : item), null);
}

/** Why a point has its fate. */
export function reasonOf(
  { fate, best, objects }: JudgedPoint,
  settings: Settings,
  { reasons, empty }: Reasons,
): string {
  if (!best) return empty;
  return filled(reasons[fate], {
    scores: objects.map(({ score }) => score.toFixed(2)).join(", "),
    best: fate === "not stable" ? best.stability : best.score,
    limit: String(fate === "not stable" ? settings.stability : settings.score),
  });
}

/** How many different coins are kept, and how many other objects; a coin that is there twice counts as one. */
export function keptMeasures(
  objects: readonly Candidate[],
  coin: CoinSize,
  photoArea: number,
): Record<string, number | string> {
  const [smallest, largest] = coin.area_px;
  const sized = objects.filter(({ area }) => area > smallest && area < largest);
  const coins: Candidate[] = [];
  for (const item of sized.sort((a, b) => b.score - a.score || a.id - b.id)) {
    if (coins.every((known) => iouOf(item.part, known.part) < coin.same)) coins.push(item);
  }
  const others = objects.length - coins.length;
  return {
    coins: coins.length,
    others,
    s: others === 1 ? "" : "s",
    copies: sized.length - coins.length,
    large: objects.filter(({ area }) => area > coin.large * photoArea).length,
  };
}

/** The greatest IoU of a mask with an object, and the point that gave this object; 0 where there is none. */
export function overlapMeasures(mask: FullMask, points: readonly JudgedPoint[]): Record<"overlap" | "x" | "y", number> {
  const photoPart: Part = { ...mask, x: 0, y: 0 };
  const pairs = points.flatMap(({ x, y, objects }) =>
    objects.map(({ part }) => ({ overlap: iouOf(part, photoPart), x, y })),
  );
  return pairs.reduce(
    (best, pair) => (pair.overlap > best.overlap ? pair : best),
    pairs[0] ?? { overlap: 0, x: 0, y: 0 },
  );
}

/** IoU of two masks; 0 where both are empty. */
export function iouOf(a: Part, b: Part): number {
  const [x0, y0] = [Math.max(a.x, b.x), Math.max(a.y, b.y)];
  const [x1, y1] = [Math.min(a.x + a.width, b.x + b.width), Math.min(a.y + a.height, b.y + b.height)];
  let both = 0;
  for (let y = y0; y < y1; y++) {
    const [rowA, rowB] = [(y - a.y) * a.width - a.x, (y - b.y) * b.width - b.x];
    for (let x = x0; x < x1; x++) both += (a.inside[rowA + x] as number) & (b.inside[rowB + x] as number);
  }
  const union = areaOf(a) + areaOf(b) - both;
  return union === 0 ? 0 : both / union;
}
