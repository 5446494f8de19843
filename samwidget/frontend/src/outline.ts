// The outline of an object as corners that can be dragged, in as many as the detail wants. Pure: a draft is never changed,
// each edit makes another one. The kernel finds the corners with their weights (samwidget/document/polygons.py);
// commands/outline.ts asks for them and keeps the draft, tools/outline.ts turns gestures into edits.

import type { Request, WeightedCorner } from "./protocol.ts";
import { distance, nearestOfSegment, type Point, toImage, toScreen, type Viewport } from "./viewport.ts";

/** A corner; `weight` is how far the outline would be off without it, image pixels. */
export interface Corner extends Point {
  weight: number;
}

/** Where a corner is: the index of its polygon, and its own index there. */
export interface CornerIndex {
  polygon: number;
  corner: number;
}

/** An edge between two corners that are shown; `at` is the point of it that was asked for, image pixels. */
export interface Edge {
  polygon: number;
  from: number;
  to: number;
  at: Point;
}

export interface Outline {
  /** Id of the object, and of the mask whose outline it was before any edit. */
  object: number;
  mask: string;
  /** Also those corners that the detail leaves out: each detail is made from all of them. */
  polygons: readonly (readonly Corner[])[];
  /** 0 to DETAIL_MAX. */
  detail: number;
  /** The longer side of the object, image pixels. */
  span: number;
  /** The corner that was pressed last. */
  selected: CornerIndex | null;
  /** The draft before the last edit of a corner. */
  before: Outline | null;
  /** The draft as the kernel has it, or as it was sent: then its mask is on the way. */
  isSent: boolean;
  saved: { polygons: Outline["polygons"]; detail: number };
}

export const DETAIL_MAX = 20;
/** The outline may be off by this part of the object where the detail is 0, and by this many image pixels at DETAIL_MAX. */
const COARSEST = 0.12;
const FINEST = 0.35;
/** How far it may be off at first, CSS pixels: hardly anybody sees it. */
const UNSEEN_PX = 2;
const DECIMALS = 100;

/** The outline of an object as the kernel has sent it; `detail` is what it had before, null for one that fits the zoom. */
export function newOutline(
  { object, mask, polygons }: { object: number; mask: string; polygons: readonly (readonly WeightedCorner[])[] },
  detail: number | null,
  scale: number,
): Outline {
  const corners = polygons.map((polygon) => polygon.map(([x, y, weight]) => ({ x, y, weight })));
  const all = corners.flat();
  const span = Math.max(0, extent(all.map(({ x }) => x)), extent(all.map(({ y }) => y)));
  const known = detail ?? detailOf(UNSEEN_PX / scale, span);
  const saved = { polygons: corners, detail: known };
  return { object, mask, ...saved, span, selected: null, before: null, isSent: false, saved };
}

/** How far the outline may be off, image pixels. */
function toleranceOf({ detail, span }: Pick<Outline, "detail" | "span">): number {
  const coarsest = Math.max(4 * FINEST, COARSEST * span);
  return coarsest * (FINEST / coarsest) ** (detail / DETAIL_MAX);
}

function detailOf(tolerance: number, span: number): number {
  for (let detail = 0; detail < DETAIL_MAX; detail++) if (toleranceOf({ detail, span }) <= tolerance) return detail;
  return DETAIL_MAX;
}

/** The indices of the corners of a polygon that are shown. */
function shownCorners(outline: Outline, polygon: number): number[] {
  const tolerance = toleranceOf(outline);
  return (outline.polygons[polygon] ?? []).flatMap(({ weight }, i) => (weight > tolerance ? [i] : []));
}

/** The polygons in those corners that are shown. */
export function shownPolygons(outline: Outline): Corner[][] {
  return outline.polygons.map((corners, i) => shownCorners(outline, i).map((corner) => corners[corner] as Corner));
}

/** The corner that was pressed last; null where there is none. */
export function selectedCorner({ polygons, selected }: Outline): Corner | null {
  return selected ? (polygons[selected.polygon]?.[selected.corner] ?? null) : null;
}

/** Whether keeping it would change the mask. In full detail, with no corner moved, it is the mask itself. */
export function isChanged({ polygons, detail, saved }: Outline): boolean {
  return polygons !== saved.polygons || (detail !== saved.detail && detail !== DETAIL_MAX);
}

/** The request that makes the outline the object's mask. */
export function keepRequest(outline: Outline): Request {
  const rounded = (value: number) => Math.round(value * DECIMALS) / DECIMALS;
  const polygons = shownPolygons(outline).map((polygon) =>
    polygon.map(({ x, y }): [number, number] => [rounded(x), rounded(y)]),
  );
  return { kind: "set_polygons", object: outline.object, polygons };
}

/** The corner that is shown nearest to `screen`, CSS pixels, within `reach`. */
export function cornerAt(outline: Outline, viewport: Viewport, screen: Point, reach: number): CornerIndex | null {
  let nearest: CornerIndex | null = null;
  let least = reach;
  for (const [polygon, corners] of outline.polygons.entries()) {
    for (const corner of shownCorners(outline, polygon)) {
      const off = distance(toScreen(viewport, corners[corner] as Corner), screen);
      if (off > least) continue;
      least = off;
      nearest = { polygon, corner };
    }
  }
  return nearest;
}

/** The edge nearest to `screen`, CSS pixels, within `reach`. */
export function edgeAt(outline: Outline, viewport: Viewport, screen: Point, reach: number): Edge | null {
  let nearest: Edge | null = null;
  let least = reach;
  for (const [polygon, corners] of outline.polygons.entries()) {
    const indices = shownCorners(outline, polygon);
    for (const [i, to] of indices.entries()) {
      const from = indices.at(i - 1) as number;
      const [a, b] = [corners[from] as Corner, corners[to] as Corner];
      const at = nearestOfSegment(toImage(viewport, screen), a, b);
      const off = distance(toScreen(viewport, at), screen);
      if (off > least) continue;
      least = off;
      nearest = { polygon, from, to, at };
    }
  }
  return nearest;
}

/** With a corner at another position; what was left out beside it goes. */
export function withCornerMoved(outline: Outline, { polygon, corner }: CornerIndex, to: Point): Outline {
  const [from, next] = neighbours(outline, { polygon, corner });
  return edited(outline, polygon, from, next, to);
}

/** With one corner more. */
export function withCornerAdded(outline: Outline, { polygon, from, to, at }: Edge): Outline {
  return edited(outline, polygon, from, to, at);
}

/** Without a corner; a polygon of three goes as a whole. The same outline where it is the only one. */
export function withoutCorner(outline: Outline, { polygon, corner }: CornerIndex): Outline {
  if (shownCorners(outline, polygon).length > 3) {
    const [from, next] = neighbours(outline, { polygon, corner });
    return edited(outline, polygon, from, next, null);
  }
  if (outline.polygons.length === 1) return outline;
  const polygons = outline.polygons.filter((_, i) => i !== polygon);
  return { ...outline, polygons, selected: null, before: outline };
}

/** The corners that are shown before and behind one. */
function neighbours(outline: Outline, { polygon, corner }: CornerIndex): [from: number, to: number] {
  const indices = shownCorners(outline, polygon);
  const i = indices.indexOf(corner);
  return [indices.at(i - 1) as number, indices[(i + 1) % indices.length] as number];
}

/** With a corner at `at`, or none, in the place of all that are between two corners. It is selected, and always shown. */
function edited(outline: Outline, polygon: number, from: number, to: number, at: Point | null): Outline {
  const corners = outline.polygons[polygon] ?? [];
  // From `to` around to `from`: where a closed line begins makes no difference.
  const rest = to <= from ? corners.slice(to, from + 1) : [...corners.slice(to), ...corners.slice(0, from + 1)];
  const changed = at ? [...rest, { ...at, weight: Number.POSITIVE_INFINITY }] : rest;
  const selected = at ? { polygon, corner: changed.length - 1 } : null;
  return { ...outline, polygons: outline.polygons.with(polygon, changed), selected, before: outline };
}

function extent(values: readonly number[]): number {
  return Math.max(...values) - Math.min(...values);
}
