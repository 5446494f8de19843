// The corrections of a mask that the kernel has not confirmed yet, so that a stroke is on the screen while it is drawn and
// stays there until the kernel's mask comes. tools/brush.ts and tools/polygon.ts make them, stage/corrections.ts draws them.

import { activeAfter, type NextActive } from "./prompts.ts";
import type { DocumentSummary, ObjectSummary, Position, Request } from "./protocol.ts";
import { distance, nearestOfSegment, type Point } from "./viewport.ts";

/** A line of a round brush; image pixels. */
export interface Stroke {
  kind: "stroke";
  points: readonly Point[];
  radius: number;
  isErased: boolean;
}

/** A shape that a mask gains or loses, or the outline that it gets; image pixels. */
export type Correction =
  | Stroke
  | { kind: "polygon"; points: readonly Point[]; isErased: boolean }
  | { kind: "outline"; polygons: readonly (readonly Point[])[] };

/** An object with the corrections on their way to it; `object` is null for one that begins with them. */
export interface ShownCorrections {
  object: ObjectSummary | null;
  corrections: readonly Correction[];
}

export const NO_CORRECTIONS: ShownCorrections = { object: null, corrections: [] };

/** A request with more points would be larger than a message may be. */
const POINTS_MAX = 2400;
/** With more points than this it would take too long to find those without which the line is the same. */
const POINTS_COMPARED = 6000;
const DECIMALS = 10;

/** What the mask of the active object looks like after the `pending` requests, in their order, and the `draft`. */
export function correctionsOnScreen(
  { active, objects }: DocumentSummary,
  pending: readonly Request[],
  draft: Correction | null,
): ShownCorrections {
  let target: NextActive = active;
  let corrections: Correction[] = [];
  for (const request of pending) {
    const next = activeAfter(target, [request]);
    const correction = correctionOf(request);
    if (!correction) {
      // What was drawn for another object stays with it: only the newest object is drawn by its corrections.
      if (next !== target) corrections = [];
    } else if (correction.object === null || correction.object === next) {
      corrections.push(correction.correction);
    }
    target = next;
  }
  if (draft) corrections.push(draft);
  if (corrections.length === 0) return NO_CORRECTIONS;
  return { object: objects.find(({ id }) => id === target) ?? null, corrections };
}

/** Corrections by their requests: the same ones as long as a request is pending, so that they need not be drawn again. */
const known = new WeakMap<Request, Correction>();

function correctionOf(request: Request): { object: number | null; correction: Correction } | null {
  if (request.kind !== "paint" && request.kind !== "fill_polygon" && request.kind !== "set_polygons") return null;
  const correction = known.get(request) ?? newCorrection(request);
  known.set(request, correction);
  return { object: request.object, correction };
}

function newCorrection(request: Extract<Request, { kind: "paint" | "fill_polygon" | "set_polygons" }>): Correction {
  const asPoints = (positions: readonly Position[]) => positions.map(([x, y]) => ({ x, y }));
  if (request.kind === "set_polygons") return { kind: "outline", polygons: request.polygons.map(asPoints) };
  const points = asPoints(request.points);
  return request.kind === "paint"
    ? { kind: "stroke", points, radius: request.radius, isErased: request.erase }
    : { kind: "polygon", points, isErased: request.erase };
}

/** `points` as a request has them: rounded, and only those without which the line would be off by `tolerance`. */
export function forRequest(points: readonly Point[], tolerance: number): [x: number, y: number][] {
  const line = thinned(simplified(thinned(points, POINTS_COMPARED), tolerance), POINTS_MAX);
  const rounded = (value: number) => Math.round(value * DECIMALS) / DECIMALS;
  return line.map(({ x, y }) => [rounded(x), rounded(y)]);
}

/** At most `count` of the points, evenly, with the first and the last one. */
function thinned(points: readonly Point[], count: number): readonly Point[] {
  if (points.length <= count) return points;
  const step = (points.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, i) => points[Math.round(i * step)] as Point);
}

/** The points without which the line would be off by more than `tolerance` (Ramer, 1972; Douglas and Peucker, 1973). */
export function simplified(points: readonly Point[], tolerance: number): Point[] {
  const isKept = new Uint8Array(points.length);
  const spans: [number, number][] = [[0, points.length - 1]];
  isKept[0] = 1;
  isKept[points.length - 1] = 1;
  for (let span = spans.pop(); span; span = spans.pop()) {
    const [from, to] = span;
    const a = points[from] as Point;
    const b = points[to] as Point;
    let furthest = from;
    let most = tolerance;
    for (let i = from + 1; i < to; i++) {
      const point = points[i] as Point;
      const off = distance(point, nearestOfSegment(point, a, b));
      if (off > most) {
        most = off;
        furthest = i;
      }
    }
    if (furthest === from) continue;
    isKept[furthest] = 1;
    spans.push([from, furthest], [furthest, to]);
  }
  return points.filter((_, i) => isKept[i] === 1);
}
