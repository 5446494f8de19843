// Layer: the mask of an object with the corrections that the kernel has not confirmed. Keeps the distances of its pixels
// (stage/field.ts), so that a stroke that grows costs only the pixels under its new part: the canvas is not blank before it
// is painted, as those of the other layers are.

import type { Ring } from "../contour.ts";
import type { Correction, ShownCorrections } from "../corrections.ts";
import type { MaskStore } from "../mask_store.ts";
import { type Point, toScreen, type Viewport } from "../viewport.ts";
import { type Area, around, DistanceField } from "./field.ts";
import { ACTIVE, EDGE_ALPHA, type MaskAppearance } from "./masks.ts";
import { shaded, shadesOf } from "./shades.ts";
import type { Surface } from "./surface.ts";

/** The colour of an object that begins with a stroke and has no class: the kernel has not chosen one yet. */
const NEW_COLOUR = "#78aaff";

/** All that decides how the layer looks, but for the points that its last stroke has gained. */
interface Basis {
  viewport: Viewport;
  ratio: number;
  width: number;
  height: number;
  mask: string | null;
  colour: string;
  opacity: number;
  threshold: number;
}

/** What is on the canvas. */
interface Painted {
  basis: Basis;
  corrections: readonly Correction[];
  field: DistanceField;
  shades: Uint8ClampedArray;
  /** Points of the last stroke that are in the field. */
  points: number;
}

export class CorrectionsPainter {
  #painted: Painted | null = null;

  /** Paints what has changed since the last call; returns how many masks had not arrived. */
  paint(
    surface: Surface,
    viewport: Viewport,
    { object, corrections }: ShownCorrections,
    masks: MaskStore,
    { opacity, threshold, newColour = NEW_COLOUR }: MaskAppearance & { newColour?: string | undefined },
  ): number {
    const before = this.#painted;
    const last = corrections.at(-1);
    if (!last) {
      if (before) surface.clear();
      this.#painted = null;
      return 0;
    }
    const { ratio, canvas } = surface;
    const [mask, colour] = [object?.mask ?? null, object?.colour ?? newColour];
    const size = { ratio, width: canvas.width, height: canvas.height };
    const basis = { viewport, ...size, mask, colour, opacity, threshold };
    const onCanvas = surface.pixels(viewport);
    if (before && isLonger(before, basis, corrections)) {
      show(surface, before, apply(before.field, last, onCanvas, before.points));
      this.#painted = { ...before, corrections, points: pointsOf(last) };
      return 0;
    }
    // An outline takes the place of the mask and of all corrections before it.
    const from = Math.max(
      0,
      corrections.findLastIndex(({ kind }) => kind === "outline"),
    );
    const rings = mask === null || corrections[from]?.kind === "outline" ? [] : masks.rings(mask, threshold);
    if (!rings) return 1;
    surface.clear();
    const field = new DistanceField(size.width, size.height, (ACTIVE.edge_px / 2) * ratio + 1);
    const outline = rings.map((ring) =>
      onto(
        ring.map(([x, y]) => ({ x, y })),
        onCanvas,
      ),
    );
    let area = field.fill(outline, false);
    for (const correction of corrections.slice(from)) area = around(area, apply(field, correction, onCanvas));
    const { edge_px, line_px } = ACTIVE;
    const shading = { colour, opacity, edge_px, line_px, edgeAlpha: EDGE_ALPHA };
    const shades = shadesOf(shading, field.perPixel, ratio);
    this.#painted = { basis, corrections, field, shades, points: pointsOf(last) };
    show(surface, this.#painted, area);
    return 0;
  }
}

/** Whether `corrections` differ from what was painted only by new points of the last stroke. */
function isLonger(painted: Painted, basis: Basis, corrections: readonly Correction[]): boolean {
  const [before, after] = [painted.corrections.at(-1), corrections.at(-1)];
  return (
    before?.kind === "stroke" &&
    after?.kind === "stroke" &&
    before.points === after.points &&
    before.radius === after.radius &&
    painted.corrections.length === corrections.length &&
    corrections.slice(0, -1).every((correction, i) => correction === painted.corrections[i]) &&
    Object.entries(basis).every(([name, value]) => painted.basis[name as keyof Basis] === value)
  );
}

/** Takes a correction, a stroke from its point `from` on, into the field. */
function apply(field: DistanceField, correction: Correction, onCanvas: Viewport, from = 0): Area {
  if (correction.kind === "outline") {
    const rings = correction.polygons.map((points) => onto(points, onCanvas));
    return field.fill(rings, false);
  }
  if (correction.kind === "polygon") return field.fill([onto(correction.points, onCanvas)], correction.isErased);
  // With the point before, where the new part begins.
  const points = correction.points.slice(Math.max(0, from - 1)).map((point) => toScreen(onCanvas, point));
  return field.stroke(points, correction.radius * onCanvas.scale, correction.isErased, from > 0 ? 1 : 0);
}

function pointsOf(correction: Correction): number {
  return correction.kind === "stroke" ? correction.points.length : 0;
}

function onto(points: readonly Point[], onCanvas: Viewport): Ring {
  return points.map((point) => {
    const { x, y } = toScreen(onCanvas, point);
    return [x, y];
  });
}

function show(surface: Surface, { field, shades }: Painted, area: Area): void {
  if (area.x0 >= area.x1) return;
  const pixels = new ImageData(shaded(field, area, shades), area.x1 - area.x0, area.y1 - area.y0);
  surface.context.putImageData(pixels, area.x0, area.y0);
}
