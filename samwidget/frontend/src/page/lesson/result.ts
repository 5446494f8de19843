// The box below an exercise that shows the result of its check.

import { element } from "./elements.ts";
import type { Result } from "./rules.ts";

/** What an exercise says where nothing was done yet, and how one begins again. */
export interface Phrases {
  not_done: string;
  again: string;
}

/** Shows a result; null takes it away. */
export function resultBox(): { box: HTMLElement; show: (result: Result | null) => void } {
  const box = element("div", { class: "sw-lesson-result", role: "status" });
  const show = (result: Result | null) => {
    box.className = `sw-lesson-result${result ? (result.passed ? " is-right" : " is-wrong") : ""}`;
    box.replaceChildren(
      ...(result ? [element("b", {}, result.passed ? "Right." : "Not yet."), ` ${result.message}`] : []),
    );
  };
  return { box, show };
}
