// How numbers are written on screen. Units and rounding are decided here, so that every panel shows them alike.

/** Thin spaces between thousands, in every locale. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** Megabytes, or gigabytes from a thousand on, with their unit. */
export function formatSize(size_mb: number): string {
  const { divisor, digits, unit } = scaleOf(size_mb);
  return `${(size_mb / divisor).toFixed(digits)} ${unit}`;
}

/** How much of a size is there, both in one unit: "84 of 156 MB". */
export function formatPart(part_mb: number, total_mb: number): string {
  const { divisor, digits } = scaleOf(total_mb);
  return `${(part_mb / divisor).toFixed(digits)} of ${formatSize(total_mb)}`;
}

function scaleOf(size_mb: number): { divisor: number; digits: number; unit: string } {
  if (size_mb >= 1000) return { divisor: 1000, digits: 1, unit: "GB" };
  return { divisor: 1, digits: size_mb < 10 ? 1 : 0, unit: "MB" };
}

/** A score, 0 to 1, with two digits. */
export function formatScore(score: number): string {
  return score.toFixed(2);
}

/** Milliseconds below a tenth of a second, else seconds. */
export function formatSeconds(duration_s: number): string {
  return duration_s < 0.095 ? `${Math.round(duration_s * 1000)} ms` : `${duration_s.toFixed(1)} s`;
}
