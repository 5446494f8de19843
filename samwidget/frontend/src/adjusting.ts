// The sliders that mend a mask. While one moves, the kernel computes each step from the mask before the first one, so that
// the whole slide is one step of the history; a slider stays where it was let go, and goes on from there, until the object
// changes in another way. One step is on its way, the newest position waits, older ones are dropped.

import { signal } from "@preact/signals-core";

import type { Scope } from "./dom.ts";
import type { Adjustment } from "./protocol.ts";
import type { View } from "./view.ts";

/** A slider, by what it does where its position is positive. */
export type SliderName = "smooth" | "grow";

interface Position {
  slider: SliderName;
  object: number;
  amount: number;
}

export class Adjusting {
  readonly #view: View;
  /** Where the slider is that was moved last; null where all are at rest. */
  readonly #position = signal<Position | null>(null);
  /** The mask that the kernel made for this position. */
  #mask: string | null = null;
  #operation: Adjustment = "smooth";
  #isFirst = true;
  #isAsking = false;
  #isLate = false;

  constructor(view: View, scope: Scope) {
    this.#view = view;
    scope.watch([view.state.active], (active) => {
      // While a step is on its way, the mask is not the one of the position yet.
      const isOurs = active?.id === this.#position.value?.object && (this.#isAsking || active?.mask === this.#mask);
      if (!isOurs) this.#rest();
    });
  }

  /** The position of a slider; 0 at rest. */
  amount(name: SliderName): number {
    const position = this.#position.value;
    return position?.slider === name ? position.amount : 0;
  }

  /** Moves a slider to `amount`, image pixels. */
  move(slider: SliderName, amount: number): void {
    const active = this.#view.state.active.value;
    if (!active) return;
    const before = this.#position.value;
    if (before?.slider !== slider || before.object !== active.id) this.#isFirst = true;
    this.#position.value = { slider, object: active.id, amount };
    if (this.#isAsking) this.#isLate = true;
    else this.#ask();
  }

  #ask(): void {
    const position = this.#position.value;
    if (!position) return;
    const { object, amount } = position;
    const operation: Adjustment = position.slider === "smooth" ? "smooth" : amount < 0 ? "shrink" : "grow";
    const continues = !this.#isFirst;
    // Growing cannot continue as shrinking: the slide goes back to rest first, and begins anew.
    const isTurning = continues && operation !== this.#operation;
    const step = isTurning ? { operation: this.#operation, amount: 0 } : { operation, amount: Math.abs(amount) };
    this.#operation = operation;
    this.#isFirst = isTurning;
    this.#isLate = isTurning && amount !== 0;
    this.#isAsking = true;
    this.#view.request({ kind: "adjust", object, ...step, continues }, undefined, (isDone) => this.#settle(isDone));
  }

  #settle(isDone: boolean): void {
    this.#isAsking = false;
    if (!isDone || !this.#position.value) this.#rest();
    else if (this.#isLate) this.#ask();
    else this.#mask = this.#view.state.active.value?.mask ?? null;
  }

  #rest(): void {
    this.#position.value = null;
    this.#isFirst = true;
    this.#isLate = false;
  }
}
