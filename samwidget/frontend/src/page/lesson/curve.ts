// Curves as SVG: the IoU over the number of clicks, yours and the robot's, and the area over the threshold.

const [WIDTH, HEIGHT] = [420, 220];
const [COIN_COLOUR, OTHER_COLOUR] = ["#0072b2", "#e69f00"];
const [LEFT, TOP, RIGHT, BOTTOM] = [46, 10, WIDTH - 10, HEIGHT - 40];

export interface Curve {
  name: string;
  ious: readonly number[];
  colour: string;
  is_dashed: boolean;
  /** Whether no more clicks come: only then is it certain that the target is never reached. */
  is_finished: boolean;
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
  const legend = curves.map(({ name, ious, colour, is_finished }, index) => {
    const count = clicksTo(ious, target) || (is_finished ? "never" : 0);
    const text = count ? `${name}: ${count} to ${target}` : name;
    const row = BOTTOM - 10 - 18 * (curves.length - 1 - index);
    return `<circle cx="${RIGHT - 176}" cy="${row - 4}" r="5" fill="${colour}"/><text x="${RIGHT - 164}" y="${row}">${text}</text>`;
  });
  const line = `<path d="M${LEFT},${y(target)}H${RIGHT}" stroke="currentColor" stroke-dasharray="2 4" opacity="0.7"/>
<text x="${LEFT - 6}" y="${y(target) + 4}" text-anchor="end">${target}</text>`;
  const parts = [line, numbers, ...lines, ...legend];
  return plot({ label: "IoU after each click", x: "clicks", y: "IoU", top: "1", zero: "0" }, parts);
}

/** The area of a mask over the threshold, as a share of the photo, with a disc at the threshold that is set. */
export function areasSvg(thresholds: readonly number[], shares: readonly number[], present: number): string {
  const [first, last] = [thresholds[0] as number, thresholds.at(-1) as number];
  const most = Math.max(...shares);
  const x = (threshold: number) => LEFT + ((threshold - first) / (last - first)) * (RIGHT - LEFT);
  const y = (share: number) => BOTTOM - (share / most) * (BOTTOM - TOP);
  const points = thresholds.map((threshold, i) => `${x(threshold).toFixed(1)},${y(shares[i] as number).toFixed(1)}`);
  const numbers = thresholds
    .filter((threshold) => threshold % 2 === 0)
    .map((threshold) => `<text x="${x(threshold)}" y="${BOTTOM + 16}" text-anchor="middle">${minus(threshold)}</text>`);
  const at = x(thresholds[present] as number).toFixed(1);
  const parts = [
    ...numbers,
    `<polyline points="${points.join(" ")}" fill="none" stroke="currentColor" stroke-width="3"/>`,
    `<path d="M${at},${TOP}V${BOTTOM}" stroke="#e69f00" stroke-width="2" stroke-dasharray="4 4"/>`,
    `<circle cx="${at}" cy="${y(shares[present] as number).toFixed(1)}" r="7" fill="#e69f00" stroke="white" stroke-width="2"/>`,
  ];
  const top = `${Math.round(100 * most)} %`;
  return plot(
    { label: "Area of the mask over the threshold", x: "threshold, in logits", y: "area", top, zero: "0 %" },
    parts,
  );
}

/** For each grid the number of coins beside that of other objects; a dotted line is where all coins are found. */
export function barsSvg(
  sides: readonly number[],
  bars: readonly { side: number; coins: number; others: number }[],
  wanted: number,
): string {
  const most = Math.max(wanted, ...bars.map(({ coins, others }) => Math.max(coins, others))) * 1.3;
  const y = (count: number) => BOTTOM - (count / most) * (BOTTOM - TOP);
  const step = (RIGHT - LEFT) / sides.length;
  const numbers = sides.map((side, i) => {
    const text = `${side}\u00b2 = ${side * side}`;
    return `<text x="${LEFT + (i + 0.5) * step}" y="${BOTTOM + 16}" text-anchor="middle">${text}</text>`;
  });
  const columns = bars.flatMap(({ side, coins, others }) => {
    const middle = LEFT + (sides.indexOf(side) + 0.5) * step;
    return (
      [
        [coins, COIN_COLOUR, middle - 26],
        [others, OTHER_COLOUR, middle + 2],
      ] as const
    ).map(
      ([count, colour, x]) =>
        `<rect x="${x}" y="${y(count).toFixed(1)}" width="24" height="${(BOTTOM - y(count)).toFixed(1)}" fill="${colour}"/><text x="${x + 12}" y="${(y(count) - 4).toFixed(1)}" text-anchor="middle">${count}</text>`,
    );
  });
  const line = `<path d="M${LEFT},${y(wanted)}H${RIGHT}" stroke="currentColor" stroke-dasharray="2 4" opacity="0.7"/>
<text x="${LEFT - 6}" y="${y(wanted) + 4}" text-anchor="end">${wanted}</text>`;
  const legend = (
    [
      ["coins", COIN_COLOUR, LEFT + 14],
      ["other objects", OTHER_COLOUR, LEFT + 80],
    ] as const
  ).map(
    ([name, colour, x]) =>
      `<circle cx="${x}" cy="${TOP + 4}" r="5" fill="${colour}"/><text x="${x + 12}" y="${TOP + 8}">${name}</text>`,
  );
  const titles = {
    label: "Objects that grids keep",
    x: "clicks: points per side, squared",
    y: "objects",
    top: "",
    zero: "0",
  };
  return plot(titles, [line, ...numbers, ...columns, ...legend]);
}

/** Two axes with their titles and ends, and the parts between them. */
function plot(titles: Record<"label" | "x" | "y" | "top" | "zero", string>, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${titles.label}" font-size="13" fill="currentColor">
<path d="M${LEFT},${TOP}V${BOTTOM}H${RIGHT}" fill="none" stroke="currentColor" opacity="0.5"/>
<text x="${LEFT - 6}" y="${TOP + 8}" text-anchor="end">${titles.top}</text><text x="${LEFT - 6}" y="${BOTTOM}" text-anchor="end">${titles.zero}</text>
${parts.join("")}
<text x="${(LEFT + RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${titles.x}</text>
<text x="12" y="${(TOP + BOTTOM) / 2}" text-anchor="middle" transform="rotate(-90 12 ${(TOP + BOTTOM) / 2})">${titles.y}</text></svg>`;
}

function minus(value: number): string {
  return String(value).replace("-", "\u2212");
}
