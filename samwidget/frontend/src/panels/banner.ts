// Panel: what failed and what to do about it, over the top of the photo, until the user dismisses it.

import { h, type Scope, setText } from "../dom.ts";
import { icon } from "../icons.ts";
import type { Failure } from "../protocol.ts";
import type { View } from "../view.ts";

export function bannerPanel({ session }: View, scope: Scope): HTMLElement {
  const message = h("strong", {});
  const hint = h("span", {});
  const retry = h("button", { class: "sw-retry", type: "button", "data-sw": "retry" }, "Retry");
  const dismiss = h(
    "button",
    { class: "sw-quiet sw-close", type: "button", "data-sw": "dismiss", "aria-label": "Dismiss" },
    icon("close"),
  );
  const card = h(
    "div",
    { class: "sw-error", "data-sw": "error", hidden: true },
    icon("alert"),
    h("p", {}, message, " ", hint),
    retry,
    dismiss,
  );
  const element = h("div", { class: "sw-banner", role: "alert" }, card);

  scope.listen(retry, "click", () => session.request({ kind: "retry" }));
  scope.listen(dismiss, "click", () => {
    session.failure.value = null;
  });
  scope.effect(() => {
    const { phase, error } = session.status.value;
    const failure: Failure | null = phase === "failed" ? (error ?? null) : session.failure.value;
    card.hidden = failure === null;
    retry.hidden = phase !== "failed";
    // A model that failed to load cannot be dismissed: nothing works until it is loaded.
    dismiss.hidden = phase === "failed";
    if (!failure) return;
    setText(message, failure.message);
    setText(hint, failure.hint);
  });
  return element;
}
