// What a search of everything has found and nobody has kept, and which of it the user wants. In the session: two views
// of one model show the same masks and choose among them together.

import { batch, computed, type ReadonlySignal, signal } from "@preact/signals-core";

import type { Answer, FoundObject, SearchPhase } from "./protocol.ts";

export interface Progress {
  done: number;
  total: number;
  /** Null while nothing is known. */
  seconds_left: number | null;
}

/** Sliders go from 0, which lets everything pass, to here. */
export const SLIDER_MAX = 100;

const NOTHING: Progress = { done: 0, total: 0, seconds_left: null };

export class Findings {
  readonly phase = signal<SearchPhase>("none");
  readonly progress = signal<Progress>(NOTHING);
  /** The large ones first, which is the order of drawing. */
  readonly found = signal<readonly FoundObject[]>([]);
  /** Where the sliders stand, 0 to SLIDER_MAX. */
  readonly areaSlider = signal(0);
  readonly scoreSlider = signal(0);
  /** Image pixels; 0 while the slider lets everything pass. */
  readonly areaMin = computed(() => areaAt(this.areaSlider.value, this.found.value));
  readonly scoreMin = computed(() => scoreAt(this.scoreSlider.value, this.found.value));
  readonly isOpen = computed(() => this.phase.value !== "none");
  readonly isRunning = computed(() => this.phase.value === "running");
  /** Ids of those that pass both sliders, and of those that the user took; the same set until it changes. */
  readonly kept: ReadonlySignal<ReadonlySet<number>>;

  /** What the user said of single masks: no slider takes it back. */
  readonly #choices = signal<ReadonlyMap<number, boolean>>(new Map());
  #search = "";

  constructor() {
    let last: ReadonlySet<number> = new Set();
    this.kept = computed(() => {
      const area = this.areaMin.value;
      const score = this.scoreMin.value;
      const choices = this.#choices.value;
      const wanted = this.found.value.filter((one) => choices.get(one.id) ?? (one.area >= area && one.score >= score));
      const now = new Set(wanted.map(({ id }) => id));
      if (now.size !== last.size || [...now].some((id) => !last.has(id))) last = now;
      return last;
    });
  }

  /** Follows the kernel. */
  take(answer: Extract<Answer, { kind: "found" }>): void {
    batch(() => {
      if (answer.search !== this.#search || answer.phase === "none") this.#reset();
      this.#search = answer.search;
      this.phase.value = answer.phase;
      this.progress.value = { done: answer.done, total: answer.total, seconds_left: answer.seconds_left ?? null };
      if (!answer.is_whole && answer.added.length === 0 && answer.removed.length === 0) return;
      const gone = new Set(answer.removed);
      const stayed = answer.is_whole ? [] : this.found.value.filter(({ id }) => !gone.has(id));
      this.found.value = [...stayed, ...answer.added].sort((a, b) => b.area - a.area || a.id - b.id);
    });
  }

  /** Drops a mask that is kept, and takes one that is not. */
  toggle(id: number): void {
    this.#choices.value = new Map(this.#choices.value).set(id, !this.kept.value.has(id));
  }

  #reset(): void {
    this.found.value = [];
    this.#choices.value = new Map();
    this.areaSlider.value = 0;
    this.scoreSlider.value = 0;
  }
}

/** The area that a slider asks for: from the smallest to the largest found, each step larger by the same factor. */
export function areaAt(position: number, found: readonly FoundObject[]): number {
  if (position === 0 || found.length === 0) return 0;
  const largest = found[0]?.area ?? 0;
  const smallest = found.at(-1)?.area ?? 0;
  return Math.min(largest, twoDigits(smallest * (largest / smallest) ** (position / SLIDER_MAX)));
}

/** The score that a slider asks for: from the lowest to the highest found. */
export function scoreAt(position: number, found: readonly FoundObject[]): number {
  if (position === 0 || found.length === 0) return 0;
  const scores = found.map(({ score }) => score);
  const lowest = Math.min(...scores);
  const highest = Math.max(...scores);
  return Math.min(highest, Math.round((lowest + (highest - lowest) * (position / SLIDER_MAX)) * 100) / 100);
}

/** Rounded to what a person would say: 1200, not 1187. */
function twoDigits(value: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.round(value / unit) * unit;
}
