// Shows the widget on the model of a page, without the tools that need Python.

import samwidget from "../index.ts";
import type { Model } from "../traits.ts";
import { MISSING_TOOLS } from "./model.ts";

/** Puts the widget in the place of what `host` contains. */
export function showWidget(model: Model, host: HTMLElement): void {
  const { signal } = new AbortController();
  const widget = typeof samwidget === "function" ? samwidget() : samwidget;
  const el = document.createElement("div");
  host.replaceChildren(el);
  void Promise.resolve(widget).then(({ initialize, render }) => {
    // The widget uses neither; both are of hosts with several widgets.
    const none = { experimental: undefined as never, host: undefined as never };
    void initialize?.({ model, signal, ...none });
    void render?.({ model, signal, el, ...none });
    // Taken out, not hidden: the arrow keys would stop at a hidden button.
    for (const name of [...MISSING_TOOLS].map((tool) => `tool-${tool}`).concat("similar")) {
      el.querySelector(`[data-sw="${name}"]`)?.remove();
    }
  });
}
