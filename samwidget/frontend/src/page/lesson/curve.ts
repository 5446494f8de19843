// Curves over the number of clicks, as SVG: yours, and the robot's.

const [WIDTH, HEIGHT] = [420, 220];
const [LEFT, TOP, RIGHT, BOTTOM] = [46, 10, WIDTH - 10, HEIGHT - 40];

export interface Curve {
  name: string;
  ious: readonly number[];
  colour: string;
  is_dashed: boolean;
}

/** The number of clicks after which the IoU is at least `target` for the first time; 0 where it never is. */
export function clicksTo(ious: readonly number[], target: number): number {
  return ious.findIndex((iou) => iou >= target) + 1;
}

/** The IoU after each click. */
export function curvesSvg(curves: readonly Curve[], target: number, clicks: number): string {
  const x = (count: number) => LEFT + ((count - 1) / Math.max(clicks - 1, 1)) * (RIGHT - LEFT);
  const y = (iou: number) => BOTTOM - iou * (BOTTOM - TOP);
  const numbers = Array.from({ length: clicks }, (_, index) => index + 1)
    .map((count) => `<text x="${x(count).toFixed(1)}" y="${BOTTOM + 16}" text-anchor="middle">${count}</text>`)
    .join("");
  const lines = curves.map(({ name, ious, colour, is_dashed }) => {
    const points = ious.slice(0, clicks).map((iou, index) => [x(index + 1).toFixed(1), y(iou).toFixed(1)] as const);
    const discs = points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="4.5" fill="${colour}"/>`).join("");
    const dash = is_dashed ? ' stroke-dasharray="8 5"' : "";
    const path = points.map((point) => point.join(",")).join(" ");
    return `<g data-curve="${name}"><polyline points="${path}" fill="none" stroke="${colour}" stroke-width="3"${dash}/>${discs}</g>`;
  });
  const legend = curves.map(({ name, ious, colour }, index) => {
    const count = clicksTo(ious, target);
    const text = `${name}: ${count || "never"} to ${target}`;
    const row = BOTTOM - 10 - 18 * (curves.length - 1 - index);
    return `<circle cx="${RIGHT - 150}" cy="${row - 4}" r="5" fill="${colour}"/><text x="${RIGHT - 138}" y="${row}">${text}</text>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="IoU after each click" font-size="13" fill="currentColor">
<path d="M${LEFT},${TOP}V${BOTTOM}H${RIGHT}" fill="none" stroke="currentColor" opacity="0.5"/>
<path d="M${LEFT},${y(target)}H${RIGHT}" stroke="currentColor" stroke-dasharray="2 4" opacity="0.7"/>
<text x="${LEFT - 6}" y="${TOP + 8}" text-anchor="end">1</text><text x="${LEFT - 6}" y="${BOTTOM}" text-anchor="end">0</text>
<text x="${LEFT - 6}" y="${y(target) + 4}" text-anchor="end">${target}</text>${numbers}
<text x="${(LEFT + RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">clicks</text>
<text x="12" y="${(TOP + BOTTOM) / 2}" text-anchor="middle" transform="rotate(-90 12 ${(TOP + BOTTOM) / 2})">IoU</text>
${lines.join("")}${legend.join("")}</svg>`;
}
