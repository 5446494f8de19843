// Panel: what the widget waits for, over the photo, until a click is answered at once. Clicks go through it to the photo. The
// status bar has the seconds, and assistive technology hears it from there.

import { h, type Scope, setText } from "../dom.ts";
import type { Session } from "../session.ts";
import type { View } from "../view.ts";
import { isAbsent } from "./state_texts.ts";

export function workingPanel({ session }: View, scope: Scope): HTMLElement {
  const text = h("span", {});
  const label = h("p", { class: "sw-working-label" }, h("i", { class: "sw-spinner" }), text);
  const element = h("div", { class: "sw-working", "data-sw": "working", "aria-hidden": "true" }, label);
  scope.effect(() => {
    const work = describe(session);
    setText(text, work);
    element.hidden = work === "";
  });
  return element;
}

/** What the widget waits for; empty where it does not. */
function describe(session: Session): string {
  const { phase } = session.status.value;
  if (isAbsent(session) || phase === "closed") return "";
  if (phase === "loading") return "Loading the model…";
  if (phase === "encoding") return "Encoding the image…";
  return session.photo.value === null ? "Loading the image…" : "";
}
