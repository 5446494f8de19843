// Whether the user has opened or folded the strip of photos, in large cells and in small ones. The browser remembers it.

import { type ReadonlySignal, signal } from "@preact/signals-core";

const KEY = "samwidget-strip";

/** True is open, false is folded; undefined where the user has not chosen. */
interface Choice {
  large?: boolean;
  small?: boolean;
}

export class StripChoice {
  readonly #choice = signal(remembered());
  readonly #isSmall: ReadonlySignal<boolean>;

  constructor(isSmall: ReadonlySignal<boolean>) {
    this.#isSmall = isSmall;
  }

  /** Open in a large cell, folded in a small one, unless the user has chosen otherwise for cells of this size. */
  get isOpen(): boolean {
    const { large = true, small = false } = this.#choice.value;
    return this.#isSmall.value ? small : large;
  }

  set(isOpen: boolean): void {
    this.#choice.value = { ...this.#choice.value, [this.#isSmall.value ? "small" : "large"]: isOpen };
    withStorage((storage) => storage.setItem(KEY, JSON.stringify(this.#choice.value)));
  }
}

function remembered(): Choice {
  const text = withStorage((storage) => storage.getItem(KEY));
  if (!text) return {};
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {}; // another program has used the name
  }
}

/** What `use` returns; undefined where the page may not store anything, as in a sandboxed frame or a private window. */
function withStorage<T>(use: (storage: Storage) => T): T | undefined {
  try {
    return use(localStorage);
  } catch {
    return undefined;
  }
}
