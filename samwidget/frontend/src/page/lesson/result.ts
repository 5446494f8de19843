// What each exercise has: the buttons that check it and begin it again, and the box below with the result.

import { button, element } from "./elements.ts";
import type { Result } from "./rules.ts";

/** What an exercise says where nothing was done yet, and how one begins again. */
export interface Phrases {
  not_done: string;
  again: string;
}

export type Tell = (result: Result | null) => void;

/** A box, and what shows a result there and tells it `onResult`; null takes it away. */
export function resultBox(onResult: Tell): { box: HTMLElement; tell: Tell } {
  const box = element("div", { class: "sw-lesson-result", role: "status" });
  const tell = (result: Result | null) => {
    box.className = `sw-lesson-result${result ? (result.passed ? " is-right" : " is-wrong") : ""}`;
    box.replaceChildren(
      ...(result ? [element("b", {}, result.passed ? "Right." : "Not yet."), ` ${result.message}`] : []),
    );
    onResult(result);
  };
  return { box, tell };
}

/** The two buttons of an exercise, with what else stands beside them. */
export function checkRow(check: () => void, reset: () => void, ...more: Node[]): HTMLElement {
  const buttons = [button("Check", check, "is-first"), button("Reset", reset, "is-quiet")];
  return element("div", { class: "sw-lesson-row" }, ...buttons, ...more);
}
