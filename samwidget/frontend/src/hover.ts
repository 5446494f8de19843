// The preview of the mask under the pointer: one request on the way, the newest position waits, older ones are dropped.
// One for each view. Switches itself off where the line is too slow for a preview to help. A press asks too, without
// showing the answer: it is then on its way before the button is released, and the click finds it ready.

import { computed, signal } from "@preact/signals-core";

import { outline, toPath } from "./contour.ts";
import type { Link } from "./link.ts";
import { decode } from "./masks.ts";
import type { Answer, Label } from "./protocol.ts";
import type { Point } from "./viewport.ts";

/** A median round trip above this is no longer a preview. */
export const SLOW_ABOVE_MS = 400;
interface Wish {
  at: Point;
  label: Label;
  isShown: boolean;
}

const TRIPS_JUDGED = 5;
const ANSWER_WITHIN_MS = 3000;

export interface Preview {
  /** Where in the image was asked: a click near it asks for the same point, so that the kernel need not decode again. */
  at: Point;
  path: Path2D;
  score: number;
}

export class HoverPreview {
  readonly preview = signal<Preview | null>(null);
  /** Why there is no preview though the setting asks for it; empty where there is. */
  readonly offBecause = signal("");
  readonly isOff = computed(() => this.offBecause.value !== "");

  readonly #link: Link;
  readonly #threshold: () => number;
  readonly #trips_ms: number[] = [];
  #onTheWay: string | null = null;
  #asked: Point | null = null;
  #next: Wish | null = null;
  #wanted = 0;

  constructor(link: Link, threshold: () => number) {
    this.#link = link;
    this.#threshold = threshold;
  }

  /** Where the kernel has been asked already: the mask shown, then the one on its way. */
  get places(): Point[] {
    return [this.preview.value?.at ?? null, this.#asked].filter((at) => at !== null);
  }

  /** Asks for the mask at `at` and shows it, now or after the answer that is on the way. */
  ask(at: Point, label: Label): void {
    this.#wish({ at, label, isShown: true });
  }

  /** Asks for the mask that a click at `at` would make, so that the kernel has it when the press becomes a click. */
  prepare(at: Point, label: Label): void {
    this.#wish({ at, label, isShown: false });
  }

  #wish(wish: Wish): void {
    // A pointer event without movement asks for nothing new.
    if (this.isOff.value || (this.#asked?.x === wish.at.x && this.#asked.y === wish.at.y)) return;
    this.#asked = wish.at;
    if (this.#onTheWay !== null) this.#next = wish;
    else this.#send(wish);
  }

  #send({ at, label, isShown }: Wish): void {
    const wanted = ++this.#wanted;
    const sent_ms = performance.now();
    this.#onTheWay = this.#link.request(
      { kind: "hover", x: at.x, y: at.y, label },
      {
        timeout_ms: ANSWER_WITHIN_MS,
        onAnswer: (answer) => {
          this.#onTheWay = null;
          this.#judge(performance.now() - sent_ms);
          const isWanted = wanted === this.#wanted;
          this.#askNext();
          if (isWanted && isShown) this.#show(at, answer);
        },
        onTimeout: () => {
          this.#onTheWay = null;
          this.#judge(ANSWER_WITHIN_MS);
          this.#askNext();
        },
      },
    );
  }

  /** Takes the preview away, and drops the answer that is on the way. */
  clear(): void {
    this.#wanted++;
    this.#asked = null;
    this.#next = null;
    this.preview.value = null;
  }

  /** Switches the preview on again after it switched itself off. */
  restart(): void {
    this.#trips_ms.length = 0;
    this.offBecause.value = "";
  }

  end(): void {
    this.clear();
    if (this.#onTheWay !== null) this.#link.forget(this.#onTheWay);
    this.#onTheWay = null;
  }

  #askNext(): void {
    const next = this.#next;
    this.#next = null;
    if (next) this.#send(next);
  }

  #show(at: Point, answer: Answer): void {
    if (answer.kind === "error") {
      this.clear();
      this.offBecause.value = `Preview off: ${answer.message}`;
      return;
    }
    if (answer.kind !== "preview") return;
    const [header] = answer.masks;
    const [buffer] = answer.buffers;
    if (!header || !buffer) return;
    const mask = decode(answer.frame, header, buffer);
    this.preview.value = { at, path: toPath(outline(mask, this.#threshold())), score: answer.score };
  }

  #judge(trip_ms: number): void {
    this.#trips_ms.push(trip_ms);
    if (this.#trips_ms.length > TRIPS_JUDGED) this.#trips_ms.shift();
    const median = [...this.#trips_ms].sort((a, b) => a - b)[Math.floor(TRIPS_JUDGED / 2)];
    if (this.#trips_ms.length === TRIPS_JUDGED && median !== undefined && median > SLOW_ABOVE_MS) {
      this.clear();
      this.offBecause.value = "Preview off: the link is slow";
    }
  }
}
