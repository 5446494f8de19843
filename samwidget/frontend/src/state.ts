// What one view knows beyond the session: its viewport, its pointer, its gesture, and which panels are open. Never leaves
// the view.

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";

import { activeAfter, type Draft, type NextActive, promptsOnScreen, type ShownPrompts } from "./prompts.ts";
import type { ObjectSummary } from "./protocol.ts";
import type { Session } from "./session.ts";
import { foundObjectAt, objectAt } from "./stage/hit.ts";
import type { ToolName } from "./traits.ts";
import type { Extent, Point, Viewport } from "./viewport.ts";

/** A name that is being written. */
export interface Naming {
  /** Id of the object; null for the one that is active when the kernel gets the name. */
  object: number | null;
  /** The field is in the object's row of the list; otherwise it is over the photo. */
  isInList: boolean;
}

/** A letter that has begun a name and is a key, too. */
export interface LoneKey {
  action: ToolName | "accept";
  /** The tool before the letter, which may have changed it. */
  toolBefore: ToolName;
}

export interface ViewState {
  /** CSS pixels of the photo's area on the screen; zero before the first layout. */
  stageSize: Signal<Extent>;
  viewport: Signal<Viewport>;
  /** True until the user zooms or pans: the photo then stays fitted when the cell changes its size. */
  isFitted: Signal<boolean>;
  /** Pointer over the photo, image pixels; null outside it. */
  pointer: Signal<Point | null>;
  /** The crosshair that the arrow keys move, image pixels; null while it is hidden. */
  crosshair: Signal<Point | null>;
  /** First corner of a box that is placed with the keyboard, image pixels. */
  corner: Signal<Point | null>;
  draft: Signal<Draft | null>;
  isGesturing: Signal<boolean>;
  isPanning: Signal<boolean>;
  isHelpOpen: Signal<boolean>;
  hasFocus: Signal<boolean>;
  naming: Signal<Naming | null>;
  /** The name so far, while one is being written. */
  nameText: Signal<string>;
  /** The letter that is all that was typed so far; null where it is no key. */
  loneKey: Signal<LoneKey | null>;
  /** Names of all objects are on the photo, not only that of the pointed one. */
  areNamesShown: Signal<boolean>;
  /** Id of the object whose row has the pointer or the keyboard. */
  pointedRow: Signal<number | null>;
  /** From the last click to the frame that showed its masks. */
  latency_ms: Signal<number | null>;
  active: ReadonlySignal<ObjectSummary | null>;
  /** Id of the object that was active last: the keys for neighbours go on from there. */
  lastActive: Signal<number | null>;
  /** What will be active once the kernel has carried out the pending requests. */
  nextActive: ReadonlySignal<NextActive>;
  /** Id of the object under the pointer or the crosshair, on the photo or in the list. */
  pointedObject: ReadonlySignal<number | null>;
  /** Id of the found object under the pointer or the crosshair. */
  pointedId: ReadonlySignal<number | null>;
  /** The prompts of the active object, as they will be once the kernel has carried out the pending requests. */
  prompts: ReadonlySignal<ShownPrompts>;
}

export function createViewState(session: Session): ViewState {
  const draft = signal<Draft | null>(null);
  const pointer = signal<Point | null>(null);
  const crosshair = signal<Point | null>(null);
  const isGesturing = signal(false);
  const pointedRow = signal<number | null>(null);
  const pending = computed(() => session.link.pending.value.map(({ request }) => request));
  const active = computed(() => {
    const { objects, active: id } = session.document.value;
    return objects.find((object) => object.id === id) ?? null;
  });
  return {
    stageSize: signal({ width: 0, height: 0 }),
    viewport: signal({ scale: 1, x: 0, y: 0 }),
    isFitted: signal(true),
    pointer,
    crosshair,
    corner: signal(null),
    draft,
    isGesturing,
    isPanning: signal(false),
    isHelpOpen: signal(false),
    hasFocus: signal(false),
    naming: signal(null),
    nameText: signal(""),
    loneKey: signal(null),
    areNamesShown: signal(false),
    pointedRow,
    latency_ms: signal(null),
    active,
    lastActive: signal(null),
    nextActive: computed(() => activeAfter(session.document.value.active, pending.value)),
    pointedObject: computed(() => {
      const { everything, masks, settings } = session;
      const at = crosshair.value ?? pointer.value;
      if (pointedRow.value !== null) return pointedRow.value;
      if (!at || isGesturing.value || everything.isOpen.value) return null;
      return objectAt(at, session.document.value, masks, settings.threshold.value)?.id ?? null;
    }),
    pointedId: computed(() => {
      const at = crosshair.value ?? pointer.value;
      const { everything, masks, settings } = session;
      const foundObjects = everything.foundObjects.value;
      if (!at || foundObjects.length === 0) return null;
      return foundObjectAt(at, foundObjects, masks, settings.threshold.value)?.id ?? null;
    }),
    prompts: computed(() => promptsOnScreen(active.value, pending.value, draft.value)),
  };
}
