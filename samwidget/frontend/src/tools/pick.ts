// Tool: click a mask that was found to drop it, or to take it back; a drag moves the photo. In hand while findings are
// open, whatever tool was in hand before.

import { grouped } from "../figures.ts";
import { foundAt } from "../stage/hit.ts";
import type { Point } from "../viewport.ts";
import { startClickOrPan } from "./pan.ts";
import type { Desk, Tool } from "./tool.ts";

export const pick: Tool = {
  cursor: "pointer",
  hint: ({ session: { findings }, state }) => {
    const pointed = findings.found.value.find(({ id }) => id === state.pointed.value);
    if (!pointed) return findings.isRunning.value ? "" : "Click a mask to drop it, or to take it back";
    const figures = `score ${pointed.score.toFixed(2)} · ${grouped(pointed.area)} px`;
    return `${figures} · click to ${findings.kept.value.has(pointed.id) ? "drop" : "take"} it`;
  },
  press: (press, desk) => startClickOrPan(press, desk, (spot) => pickAt(spot.image, desk)),
};

/** Drops or takes the smallest mask at `at`, image pixels. */
export function pickAt(at: Point, { session }: Desk): void {
  const { findings, masks, settings } = session;
  const hit = foundAt(at, findings.found.value, masks, settings.threshold.value);
  if (hit) findings.toggle(hit.id);
}
