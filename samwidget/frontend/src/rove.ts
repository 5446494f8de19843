// Roving tabindex: a group of buttons is one stop of the Tab key, and the arrow keys move inside it (ARIA toolbar pattern).

import type { Scope } from "./dom.ts";

/** Keeps the button of `bar` that was used last its tab stop; before that, and where it went, the one that `first` gives. */
export function rove(bar: HTMLElement, first: () => HTMLElement | undefined, scope: Scope): () => void {
  let last: HTMLElement | null = null;
  const buttons = () => [...bar.querySelectorAll("button")];
  const arrange = () => {
    const stop = last && bar.contains(last) ? last : (first() ?? buttons()[0]);
    for (const button of buttons()) button.tabIndex = button === stop ? 0 : -1;
  };
  arrange();
  scope.listen(bar, "focusin", (event) => {
    if (!(event.target instanceof HTMLButtonElement)) return;
    last = event.target;
    arrange();
  });
  scope.listen(bar, "keydown", (event) => {
    const all = buttons();
    const at = all.findIndex((button) => button.tabIndex === 0);
    const next = {
      ArrowDown: at + 1,
      ArrowRight: at + 1,
      ArrowUp: at - 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: all.length - 1,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    all[(next + all.length) % all.length]?.focus();
  });
  return arrange;
}
