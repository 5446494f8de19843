// A search, of everything, of similar objects or of words: its progress, the found objects that are not kept yet, and which of
// them the user wants. Part of the session: two views of one widget show the same found objects and share the choice. Drawing them is the work of
// stage/found_objects.ts, the controls are in panels/everything.ts.

import { batch, computed, type ReadonlySignal, signal } from "@preact/signals-core";

import type { FoundObject, Reply, SearchKind, SearchPhase } from "./protocol.ts";

export interface Progress {
  done: number;
  total: number;
  /** Null while there is no estimate. */
  seconds_left: number | null;
}

/** Sliders go from 0, where all found objects pass, to this value. */
export const SLIDER_MAX = 100;

const NO_PROGRESS: Progress = { done: 0, total: 0, seconds_left: null };

export class EverythingSearch {
  readonly phase = signal<SearchPhase>("none");
  /** What is searched; the phrase is empty where it is not words. */
  readonly kind = signal<SearchKind>("everything");
  readonly phrase = signal("");
  readonly progress = signal<Progress>(NO_PROGRESS);
  /** Large ones first, which is the order of drawing. */
  readonly foundObjects = signal<readonly FoundObject[]>([]);
  /** Positions of the sliders, 0 to SLIDER_MAX. */
  readonly areaSlider = signal(0);
  readonly scoreSlider = signal(0);
  /** Limits that the sliders set; 0 while all found objects pass. The area is in image pixels. */
  readonly areaMin = computed(() => areaAt(this.areaSlider.value, this.foundObjects.value));
  readonly scoreMin = computed(() => scoreAt(this.scoreSlider.value, this.foundObjects.value));
  readonly isOpen = computed(() => this.phase.value !== "none");
  readonly isRunning = computed(() => this.phase.value === "running");
  /** Ids of the found objects that *Keep* would keep; the same set until its content changes. */
  readonly keptIds: ReadonlySignal<ReadonlySet<number>>;

  /** Found objects that the user took or dropped by a click: the sliders do not change these. */
  readonly #choices = signal<ReadonlyMap<number, boolean>>(new Map());
  #search = "";

  constructor() {
    let last: ReadonlySet<number> = new Set();
    this.keptIds = computed(() => {
      const areaMin = this.areaMin.value;
      const scoreMin = this.scoreMin.value;
      const choices = this.#choices.value;
      const passing = this.foundObjects.value.filter(
        ({ id, area, score }) => choices.get(id) ?? (area >= areaMin && score >= scoreMin),
      );
      const now = new Set(passing.map(({ id }) => id));
      if (now.size !== last.size || [...now].some((id) => !last.has(id))) last = now;
      return last;
    });
  }

  /** Applies one message of the kernel. */
  update(message: Extract<Reply, { kind: "found" }>): void {
    batch(() => {
      // What was kept or discarded may come back with an undo: the user's choice among it stays until the next search.
      if (message.search !== this.#search) this.#reset();
      this.#search = message.search;
      this.kind.value = message.search_kind;
      this.phrase.value = message.phrase ?? "";
      this.phase.value = message.phase;
      this.progress.value = { done: message.done, total: message.total, seconds_left: message.seconds_left ?? null };
      if (!message.is_whole && message.added.length === 0 && message.removed.length === 0) return;
      const removed = new Set(message.removed);
      const remaining = message.is_whole ? [] : this.foundObjects.value.filter(({ id }) => !removed.has(id));
      this.foundObjects.value = [...remaining, ...message.added].sort((a, b) => b.area - a.area || a.id - b.id);
    });
  }

  /** Drops a found object that would be kept, and takes one that would not. */
  toggle(id: number): void {
    this.#choices.value = new Map(this.#choices.value).set(id, !this.keptIds.value.has(id));
  }

  #reset(): void {
    this.foundObjects.value = [];
    this.#choices.value = new Map();
    this.areaSlider.value = 0;
    this.scoreSlider.value = 0;
  }
}

/** The smallest area at a slider position: from the smallest to the largest found object, in steps of one factor. */
export function areaAt(position: number, foundObjects: readonly FoundObject[]): number {
  if (position === 0 || foundObjects.length === 0) return 0;
  const largest = foundObjects[0]?.area ?? 0;
  const smallest = foundObjects.at(-1)?.area ?? 0;
  return Math.min(largest, twoDigits(smallest * (largest / smallest) ** (position / SLIDER_MAX)));
}

/** The lowest score at a slider position: from the lowest to the highest of the found objects. */
export function scoreAt(position: number, foundObjects: readonly FoundObject[]): number {
  if (position === 0 || foundObjects.length === 0) return 0;
  const scores = foundObjects.map(({ score }) => score);
  const lowest = Math.min(...scores);
  const highest = Math.max(...scores);
  return Math.min(highest, Math.round((lowest + (highest - lowest) * (position / SLIDER_MAX)) * 100) / 100);
}

/** `value` rounded to two digits: 1200, not 1187. */
function twoDigits(value: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.round(value / unit) * unit;
}
