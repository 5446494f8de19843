// What the next click does, or what is more urgent: one line for the tray, and for the status bar while the tray has no space
// for it.

import { computed, type ReadonlySignal, signal } from "@preact/signals-core";

import { type Scope, setText } from "../dom.ts";
import type { Session } from "../session.ts";
import { currentTool } from "../tools/current.ts";
import type { View } from "../view.ts";
import { urgentMessage } from "./state_texts.ts";

const NOTE_SHOWN_MS = 8000;

interface Hint {
  text: string;
  /** Whether it is more than the hint of the tool. */
  isUrgent: boolean;
}

/** Keeps the hint in `element`, stronger where it is urgent. */
export function showHint(element: HTMLElement, view: View, scope: Scope): void {
  scope.watch([watchHint(view, scope)], ({ text, isUrgent }) => {
    setText(element, text);
    element.classList.toggle("sw-strong", isUrgent);
  });
}

function watchHint(view: View, scope: Scope): ReadonlySignal<Hint> {
  const note = watchNote(view.session, scope);
  return computed(() => {
    const message = urgentMessage(view.session) || note.value || view.hover.offBecause.value;
    return { text: message || currentTool(view).hint(view), isUrgent: message !== "" };
  });
}

/** The status's note, and that the kernel is back, for some seconds; then empty. */
function watchNote(session: Session, scope: Scope): ReadonlySignal<string> {
  const visible = signal("");
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = (note: string) => {
    clearTimeout(timer);
    visible.value = note;
    timer = setTimeout(() => {
      visible.value = "";
    }, NOTE_SHOWN_MS);
  };
  let last = "";
  scope.watch([session.status], ({ note }) => {
    if (note !== last) show(note);
    last = note;
  });
  let lastOfModels = "";
  scope.watch([session.models], (models) => {
    if (models && models.note !== lastOfModels) show(models.note);
    lastOfModels = models?.note ?? "";
  });
  scope.watch([session.sessionFile], (file) => {
    if (file?.phase === "read-only") show(`${file.message} ${file.hint}`.trim());
  });
  scope.onChange([session.returns], () => show("Reconnected. The kernel answers again."));
  scope.onEnd(() => clearTimeout(timer));
  return visible;
}
