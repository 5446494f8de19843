// Panel: what failed and what to do about it, over the top of the photo, until the user dismisses it.

import { h, type Scope, setText } from "../dom.ts";
import { icon } from "../icons.ts";
import type { View } from "../view.ts";
import { hasFailed, shownFailure } from "./state_texts.ts";

export function bannerPanel({ session }: View, scope: Scope): HTMLElement {
  const message = h("strong", {});
  const hint = h("span", {});
  const retry = h("button", { class: "sw-retry", type: "button", "data-sw": "retry" }, "Retry");
  const bundled = h(
    "button",
    { class: "sw-retry", type: "button", "data-sw": "use-bundled" },
    "Use the bundled network",
  );
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
    bundled,
    retry,
    dismiss,
  );
  const element = h("div", { class: "sw-banner", role: "alert" }, card);

  scope.listen(retry, "click", () => session.request({ kind: "retry" }));
  scope.listen(bundled, "click", () => session.request({ kind: "use_bundled" }));
  scope.listen(dismiss, "click", () => {
    session.failure.value = null;
  });
  scope.effect(() => {
    const failure = shownFailure(session);
    const isFailed = hasFailed(session);
    card.hidden = failure === null;
    retry.hidden = !isFailed;
    bundled.hidden = !isFailed || !session.status.value.can_use_bundled;
    // A model that failed to load cannot be dismissed: nothing works until it is loaded.
    dismiss.hidden = isFailed;
    if (!failure) return;
    setText(message, failure.message);
    setText(hint, failure.hint);
    retry.classList.toggle("sw-other", !bundled.hidden);
  });
  return element;
}
