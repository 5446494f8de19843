// Layer: points and boxes, in CSS pixels so that their size never changes. Include is a disc with +, exclude a ring
// with -: they differ in shape, not in colour alone. A prompt that the kernel has not confirmed yet has a ring.

import type { ShownPrompts } from "../prompts.ts";
import type { Box } from "../protocol.ts";
import { type Point, toScreen, type Viewport } from "../viewport.ts";

export const INCLUDE = "#15803d";
export const EXCLUDE = "#dc2626";
const RADIUS = 8;
const HANDLE = 4;
const PULSE_MS = 1100;

/** Draws the prompts; `pulse_ms` is the clock of the pulse, null where pending points do not move. */
export function drawPrompts(
  context: CanvasRenderingContext2D,
  viewport: Viewport,
  prompts: ShownPrompts,
  pulse_ms: number | null,
): void {
  for (const { box, isPending } of prompts.boxes) drawBox(context, viewport, box, !isPending);
  for (const point of prompts.points) {
    const at = toScreen(viewport, point.at);
    if (point.isPending) drawPulse(context, at, pulse_ms);
    if (point.label === 1) drawInclude(context, at);
    else drawExclude(context, at);
  }
}

/** A box with or without its handles. */
export function drawBox(context: CanvasRenderingContext2D, viewport: Viewport, box: Box, hasHandles: boolean): void {
  const from = toScreen(viewport, { x: box[0], y: box[1] });
  const to = toScreen(viewport, { x: box[2], y: box[3] });
  const xywh = [from.x, from.y, to.x - from.x, to.y - from.y] as const;
  context.lineJoin = "miter";
  context.strokeStyle = "rgb(0 0 0 / 0.5)";
  context.lineWidth = 3;
  context.strokeRect(...xywh);
  context.strokeStyle = "#fff";
  context.lineWidth = 1.5;
  if (!hasHandles) context.setLineDash([6, 4]);
  context.strokeRect(...xywh);
  context.setLineDash([]);
  if (!hasHandles) return;
  for (const { at } of handles(viewport, box)) {
    context.beginPath();
    context.roundRect(at.x - HANDLE, at.y - HANDLE, 2 * HANDLE, 2 * HANDLE, 2);
    context.fillStyle = "#fff";
    context.fill();
    context.strokeStyle = "rgb(0 0 0 / 0.55)";
    context.lineWidth = 1;
    context.stroke();
  }
}

export interface Handle {
  /** Which side moves: -1 the low one, 0 none, 1 the high one. */
  x: -1 | 0 | 1;
  y: -1 | 0 | 1;
  at: Point;
}

/** Below this side length, CSS pixels, there is room for the corners only. */
const SIDE_WITH_MIDDLE = 40;

/** The handles of a box, with their positions in CSS pixels. */
export function handles(viewport: Viewport, box: Box): Handle[] {
  const from = toScreen(viewport, { x: box[0], y: box[1] });
  const to = toScreen(viewport, { x: box[2], y: box[3] });
  const result: Handle[] = [];
  for (const x of [-1, 0, 1] as const) {
    for (const y of [-1, 0, 1] as const) {
      if (x === 0 && (y === 0 || to.x - from.x < SIDE_WITH_MIDDLE)) continue;
      if (y === 0 && to.y - from.y < SIDE_WITH_MIDDLE) continue;
      result.push({ x, y, at: { x: between(from.x, to.x, x), y: between(from.y, to.y, y) } });
    }
  }
  return result;
}

function between(low: number, high: number, side: -1 | 0 | 1): number {
  return side === 0 ? (low + high) / 2 : side < 0 ? low : high;
}

function drawInclude(context: CanvasRenderingContext2D, at: Point): void {
  disc(context, at, RADIUS + 1.2, "rgb(0 0 0 / 0.35)");
  disc(context, at, RADIUS + 0.5, "#fff");
  disc(context, at, RADIUS - 1.5, INCLUDE);
  sign(context, at, "#fff", true);
}

function drawExclude(context: CanvasRenderingContext2D, at: Point): void {
  disc(context, at, RADIUS + 1.2, "rgb(0 0 0 / 0.35)");
  disc(context, at, RADIUS + 0.5, EXCLUDE);
  disc(context, at, RADIUS - 1.9, "#fff");
  sign(context, at, EXCLUDE, false);
}

function drawPulse(context: CanvasRenderingContext2D, at: Point, pulse_ms: number | null): void {
  const phase = pulse_ms === null ? 0.4 : (pulse_ms % PULSE_MS) / PULSE_MS;
  context.beginPath();
  context.arc(at.x, at.y, RADIUS + 2 + 10 * phase, 0, 2 * Math.PI);
  context.strokeStyle = `rgb(255 255 255 / ${(0.9 * (1 - phase)).toFixed(3)})`;
  context.lineWidth = 2;
  context.stroke();
}

function disc(context: CanvasRenderingContext2D, at: Point, radius: number, style: string): void {
  context.beginPath();
  context.arc(at.x, at.y, radius, 0, 2 * Math.PI);
  context.fillStyle = style;
  context.fill();
}

function sign(context: CanvasRenderingContext2D, at: Point, style: string, isPlus: boolean): void {
  const arm = 3.6;
  context.beginPath();
  context.moveTo(at.x - arm, at.y);
  context.lineTo(at.x + arm, at.y);
  if (isPlus) {
    context.moveTo(at.x, at.y - arm);
    context.lineTo(at.x, at.y + arm);
  }
  context.strokeStyle = style;
  context.lineWidth = 1.9;
  context.lineCap = "round";
  context.stroke();
  context.lineCap = "butt";
}
