// Panel: the tray below the photo. Shows one of three: what the next click does, the candidates of the active object, or the
// search of everything; and beside the first two what mends a mask by hand.

import { computed } from "@preact/signals-core";

import { h, type Scope, setAttribute } from "../dom.ts";
import { leaveHidden } from "../focus.ts";
import type { View } from "../view.ts";
import { candidatesPanel } from "./candidates.ts";
import { everythingPanel } from "./everything.ts";
import { showHint } from "./hint.ts";
import { mendPanel } from "./mend.ts";
import { isAbsent } from "./state_texts.ts";

export function trayPanel(view: View, scope: Scope): HTMLElement {
  const { session, state } = view;
  const hint = h("p", { class: "sw-lead" });
  const contents = {
    hint,
    candidates: candidatesPanel(view, scope),
    everything: everythingPanel(view, scope),
  };
  const mend = mendPanel(view, scope);
  const element = h("div", { class: "sw-tray", "data-sw": "tray" }, ...Object.values(contents), mend);
  const visibleName = computed(() => {
    if (session.everything.isOpen.value) return "everything";
    // Without a kernel there is nothing to choose.
    return state.active.value && !isAbsent(session) ? "candidates" : "hint";
  });
  showHint(hint, view, scope);
  scope.watch([visibleName], (name) => {
    for (const [other, content] of Object.entries(contents)) content.hidden = other !== name;
    mend.hidden = name === "everything";
    // The status bar has the hint where it is not here.
    setAttribute(view.root, "data-tray", name);
    leaveHidden(view, [...Object.values(contents), mend]);
  });
  return element;
}
