// The model of a page: what a host gives the widget in a notebook, with a worker in the place of the kernel.

import type { Envelope } from "../protocol.ts";
import { EMPTY_DOCUMENT, type Model, type ToolName, type WidgetTraits } from "../traits.ts";
import type { FromWorker, ToWorker } from "./manifest.ts";

/** Tools that change a mask by hand, which a page cannot do. */
export const MISSING_TOOLS: ReadonlySet<ToolName> = new Set(["brush", "eraser", "lasso", "polygon", "outline"]);

type Listener = (...args: unknown[]) => void;

export class PageModel {
  readonly #send: (message: ToWorker) => void;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #traits: WidgetTraits;

  constructor(network: string, send: (message: ToWorker) => void) {
    this.#send = send;
    this.#traits = {
      tool: "include",
      opacity: 0.45,
      threshold: 0,
      hover: true,
      theme: "auto",
      document: EMPTY_DOCUMENT,
      status: { network, device: "CPU", phase: "loading", elapsed_s: 0, encode_s: null, note: "" },
      models: null,
      saving: null,
      images: null,
      _snapshot: null,
      _documents_seen: 0,
    };
  }

  /** As the widget sees it. */
  get model(): Model {
    return {
      get: (name: keyof WidgetTraits) => this.#traits[name],
      set: <K extends keyof WidgetTraits>(name: K, value: WidgetTraits[K]) => this.#set(name, value),
      save_changes: () => {},
      on: (name: string, listener: Listener) => {
        this.#listeners.set(name, (this.#listeners.get(name) ?? new Set()).add(listener));
      },
      off: (name: string, listener: Listener) => {
        this.#listeners.get(name)?.delete(listener);
      },
      send: (request: Envelope) => this.#send({ request }),
    } as unknown as Model;
  }

  /** Takes what the worker sends. */
  receive(data: FromWorker): void {
    if ("trait" in data) this.#change(data.trait, data.value as never);
    else this.#call("msg:custom", data.message, data.buffers);
  }

  #set<K extends keyof WidgetTraits>(name: K, value: WidgetTraits[K]): void {
    if (name === "tool" && MISSING_TOOLS.has(value as ToolName)) {
      // A key asked for it; the view goes back to the tool before.
      queueMicrotask(() => this.#call("change:tool"));
      return;
    }
    this.#change(name, value);
    if (name === "threshold") this.#send({ threshold: value as number });
  }

  #change<K extends keyof WidgetTraits>(name: K, value: WidgetTraits[K]): void {
    this.#traits[name] = value;
    this.#call(`change:${name}`);
  }

  #call(name: string, ...args: unknown[]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(...args);
  }
}
