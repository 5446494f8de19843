// Elements and lifetimes. A Scope owns every listener, effect and observer of one view, and releases them together.

import { effect, type ReadonlySignal, untracked } from "@preact/signals-core";

type Listener<E> = (event: E) => void;

/** The values of a list of signals, in its order. */
type ValuesOf<S extends readonly ReadonlySignal<unknown>[]> = {
  [I in keyof S]: S[I] extends ReadonlySignal<infer V> ? V : never;
};

export class Scope {
  readonly #controller = new AbortController();

  /** `parent` ends this scope too, when it aborts. */
  constructor(parent?: AbortSignal) {
    if (parent?.aborted) this.end();
    else parent?.addEventListener("abort", () => this.end(), { once: true, signal: this.signal });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    this.#controller.abort();
  }

  onEnd(release: () => void): void {
    this.signal.addEventListener("abort", release, { once: true });
  }

  listen<K extends keyof HTMLElementEventMap>(
    target: EventTarget,
    type: K,
    listener: Listener<HTMLElementEventMap[K]>,
    options: AddEventListenerOptions = {},
  ): void {
    target.addEventListener(type, listener as EventListener, { ...options, signal: this.signal });
  }

  /** Runs `update` now and whenever a signal that it reads changes. */
  effect(update: () => void): void {
    this.onEnd(effect(update));
  }

  /** Calls `react` with the values of `signals`, now and whenever one of them changes; no other signal is followed. */
  watch<const S extends readonly ReadonlySignal<unknown>[]>(signals: S, react: (...values: ValuesOf<S>) => void): void {
    this.effect(() => {
      const values = signals.map((signal) => signal.value) as ValuesOf<S>;
      untracked(() => react(...values));
    });
  }

  /** Like `watch`, but not now: only when one of `signals` changes. */
  onChange<const S extends readonly ReadonlySignal<unknown>[]>(
    signals: S,
    react: (...values: ValuesOf<S>) => void,
  ): void {
    let isFirst = true;
    this.watch(signals, (...values) => {
      if (!isFirst) react(...values);
      isFirst = false;
    });
  }

  /** setInterval that ends with the scope; returns a function that ends it earlier. */
  every(interval_ms: number, tick: () => void): () => void {
    const timer = setInterval(tick, interval_ms);
    const stop = () => clearInterval(timer);
    this.onEnd(stop);
    return stop;
  }
}

export type Attributes = Record<string, string | number | boolean | undefined>;

/** An element; true gives an empty attribute, false and undefined give none. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  // JupyterLab tests the focused element itself before its ancestors: a mark on the root alone would let B insert a cell
  // while the photo has the focus.
  if (element.matches("button, input, [tabindex]")) element.setAttribute("data-lm-suppress-shortcuts", "true");
  element.append(...children);
  return element;
}

/** Opens no menu of the browser or the notebook for a right click or a long press. */
export function keepMenuShut(event: Event): void {
  event.preventDefault();
  // JupyterLab opens its cell menu for whatever reaches the document, prevented or not.
  event.stopPropagation();
}

/** The element around another one, also across the border of a shadow tree. */
export function parentOf(element: Element): Element | null {
  const root = element.getRootNode();
  return element.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
}

/** Sets text only where it differs: a live region is not read again, and a selection stays. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute only where it differs; null removes it. */
export function setAttribute(element: Element, name: string, value: string | null): void {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}
