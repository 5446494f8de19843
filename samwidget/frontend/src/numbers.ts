// How numbers are written on screen. Units and rounding are decided here, so that every panel shows them alike.

/** Thin spaces between thousands, in every locale. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** Megabytes without digits behind the point from 10 on; as precise as `total` where it is a part of that. */
export function formatMegabytes(size_mb: number, total_mb = size_mb): string {
  return total_mb < 10 ? size_mb.toFixed(1) : formatCount(Math.round(size_mb));
}

/** A score, 0 to 1, with two digits. */
export function formatScore(score: number): string {
  return score.toFixed(2);
}

/** Milliseconds below a tenth of a second, else seconds. */
export function formatSeconds(duration_s: number): string {
  return duration_s < 0.095 ? `${Math.round(duration_s * 1000)} ms` : `${duration_s.toFixed(1)} s`;
}
