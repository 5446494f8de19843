// Tool: a click on a found object drops it, or takes it back; a drag moves the photo. In use as long as there are found
// objects to choose from, whatever tool is set.

import { formatCount, formatScore } from "../numbers.ts";
import { foundObjectAt } from "../stage/hit.ts";
import type { View } from "../view.ts";
import type { Point } from "../viewport.ts";
import { startClickOrPan } from "./pan.ts";
import type { Tool } from "./tool.ts";

export const pick: Tool = {
  cursor: "pointer",
  hint: ({ session: { everything }, state }) => {
    const pointed = everything.foundObjects.value.find(({ id }) => id === state.pointedId.value);
    if (!pointed) return everything.isRunning.value ? "" : "Click a mask to drop it, or to take it back";
    const { id, score, area } = pointed;
    const action = everything.keptIds.value.has(id) ? "drop" : "take";
    return `Score ${formatScore(score)} · ${formatCount(area)} px · click to ${action} it`;
  },
  press: (press, view) => startClickOrPan(press, view, ({ image }) => pickAt(image, view)),
  useAt: pickAt,
};

/** Drops or takes the smallest found object at `at`, image pixels. */
function pickAt(at: Point, { session }: View): void {
  const { everything, masks, settings } = session;
  const hit = foundObjectAt(at, everything.foundObjects.value, masks, settings.threshold.value);
  if (hit) everything.toggle(hit.id);
}
