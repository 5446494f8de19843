// Numbers as they are shown.

/** Thin spaces between thousands, in every locale. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}
