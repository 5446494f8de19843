// The preview of the mask under the pointer: one request is on its way, the newest position waits, older ones are dropped.
// One for each view. Switches itself off where the link is too slow for a preview to help. A press asks too, without
// showing the mask: the kernel then decodes before the button is released, and has the mask when the click comes.

import { computed, signal } from "@preact/signals-core";

import { outline, toPath } from "./contour.ts";
import type { Link } from "./link.ts";
import { decode } from "./mask_store.ts";
import type { Label, Reply } from "./protocol.ts";
import type { Point } from "./viewport.ts";

/** Previews are switched off where the median round trip of the last ones is longer. */
export const SLOW_ABOVE_MS = 400;
const TRIPS_MEASURED = 5;
const REPLY_WITHIN_MS = 3000;

/** A position to ask for; `isShown` unless a press asks. */
interface Query {
  at: Point;
  label: Label;
  isShown: boolean;
}

export interface Preview {
  /** Image pixels. A click near it asks for the same point, so that the kernel need not decode again. */
  at: Point;
  path: Path2D;
  score: number;
}

export class HoverPreview {
  readonly preview = signal<Preview | null>(null);
  /** Why previews switched themselves off; empty while they are on. */
  readonly offBecause = signal("");
  readonly isOff = computed(() => this.offBecause.value !== "");

  readonly #link: Link;
  readonly #threshold: () => number;
  readonly #trips_ms: number[] = [];
  #requestId: string | null = null;
  #lastPoint: Point | null = null;
  #next: Query | null = null;
  #version = 0;

  constructor(link: Link, threshold: () => number) {
    this.#link = link;
    this.#threshold = threshold;
  }

  /** The points that the kernel has been asked for, image pixels: that of the mask on the screen, then the last one. */
  get points(): Point[] {
    return [this.preview.value?.at ?? null, this.#lastPoint].filter((at) => at !== null);
  }

  /** Asks for the mask at `at` and shows it, now or after the request that is on its way. */
  ask(at: Point, label: Label): void {
    this.#query({ at, label, isShown: true });
  }

  /** Asks for the mask that a click at `at` would make, so that the kernel has it when the press becomes a click. */
  prepare(at: Point, label: Label): void {
    this.#query({ at, label, isShown: false });
  }

  #query(query: Query): void {
    // A pointer event without movement asks for nothing new.
    if (this.isOff.value || (this.#lastPoint?.x === query.at.x && this.#lastPoint.y === query.at.y)) return;
    this.#lastPoint = query.at;
    if (this.#requestId !== null) this.#next = query;
    else this.#send(query);
  }

  #send({ at, label, isShown }: Query): void {
    const version = ++this.#version;
    const sent_ms = performance.now();
    this.#requestId = this.#link.request(
      { kind: "hover", x: at.x, y: at.y, label },
      {
        timeout_ms: REPLY_WITHIN_MS,
        onReply: (message) => {
          this.#requestId = null;
          this.#measure(performance.now() - sent_ms);
          const isCurrent = version === this.#version;
          this.#sendNext();
          if (isCurrent && isShown) this.#show(at, message);
        },
        onTimeout: () => {
          this.#requestId = null;
          this.#measure(REPLY_WITHIN_MS);
          this.#sendNext();
        },
      },
    );
  }

  /** Removes the preview; a mask that is on its way will not be shown. */
  clear(): void {
    this.#version++;
    this.#lastPoint = null;
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
    if (this.#requestId !== null) this.#link.forget(this.#requestId);
    this.#requestId = null;
  }

  #sendNext(): void {
    const next = this.#next;
    this.#next = null;
    if (next) this.#send(next);
  }

  #show(at: Point, message: Reply): void {
    if (message.kind === "error") {
      this.clear();
      this.offBecause.value = `The preview is off. ${message.message}`;
      return;
    }
    if (message.kind !== "preview") return;
    const [header] = message.masks;
    const [buffer] = message.buffers;
    if (!header || !buffer) return;
    const mask = decode(message.frame, header, buffer);
    this.preview.value = { at, path: toPath(outline(mask, this.#threshold())), score: message.score };
  }

  #measure(trip_ms: number): void {
    this.#trips_ms.push(trip_ms);
    if (this.#trips_ms.length > TRIPS_MEASURED) this.#trips_ms.shift();
    const median = [...this.#trips_ms].sort((a, b) => a - b)[Math.floor(TRIPS_MEASURED / 2)];
    if (this.#trips_ms.length === TRIPS_MEASURED && median !== undefined && median > SLOW_ABOVE_MS) {
      this.clear();
      this.offBecause.value = "The preview is off because the link to the kernel is slow. Press P to switch it on.";
    }
  }
}
