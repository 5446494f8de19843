// Layer: the crosshair that the arrow keys move.

import { type Point, toScreen, type Viewport } from "../viewport.ts";

const ARM = 14;
const GAP = 4;

export function drawCrosshair(context: CanvasRenderingContext2D, viewport: Viewport, at: Point): void {
  const { x, y } = toScreen(viewport, at);
  const lines = new Path2D();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const) {
    lines.moveTo(x + dx * GAP, y + dy * GAP);
    lines.lineTo(x + dx * ARM, y + dy * ARM);
  }
  const middle = new Path2D();
  middle.arc(x, y, 1.5, 0, 2 * Math.PI);
  context.lineCap = "round";
  context.strokeStyle = "rgb(0 0 0 / 0.6)";
  context.lineWidth = 4;
  context.stroke(lines);
  context.strokeStyle = "#fff";
  context.lineWidth = 2;
  context.stroke(lines);
  context.lineCap = "butt";
  context.fillStyle = "#fff";
  context.fill(middle);
}
