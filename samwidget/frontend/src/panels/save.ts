// Panel: the name of the session file to save to. "Save" in the status bar and its key open it; Enter saves, Escape closes.
// What goes wrong is said here, with its remedy, and the field keeps the name.

import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { openPopover } from "../popover.ts";
import type { Failure } from "../protocol.ts";
import type { Session } from "../session.ts";
import type { View } from "../view.ts";
import { isComposing } from "./name_input.ts";

const SUFFIX = ".samw";
const NAME_LENGTH_MAX = 200;

let count = 0;

/** Shows the panel beside `anchor` while `state.isSaveOpen`. */
export function watchSavePanel(view: View, anchor: HTMLElement, scope: Scope): void {
  scope.watch([view.state.isSaveOpen], (isOpen) => {
    if (isOpen) open(view, anchor, scope);
  });
}

function open(view: View, anchor: HTMLElement, viewScope: Scope): void {
  const { session } = view;
  const noteId = `sw-save-note-${++count}`;
  const field = h("input", {
    class: "sw-field",
    type: "text",
    "data-sw": "save-field",
    "aria-label": "Name of the session file",
    "aria-describedby": noteId,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    maxlength: NAME_LENGTH_MAX,
  });
  const button = h("button", { class: "sw-save", type: "button", "data-sw": "save-button" }, "Save");
  const note = h("p", { class: "sw-save-note", id: noteId, "aria-live": "polite", "data-sw": "save-note" });
  const content = h(
    "div",
    { class: "sw-saving", role: "dialog", "aria-label": "Save session" },
    h("strong", {}, "Save session"),
    h("div", {}, field, button),
    note,
  );
  field.value = proposedName(session);
  tell(null);
  const scope = openPopover(view, anchor, content, field, viewScope);
  field.setSelectionRange(0, field.value.lastIndexOf("."));
  scope.onEnd(() => {
    view.state.isSaveOpen.value = false;
  });
  let isSaving = false;

  function tell(failure: Failure | null): void {
    const words = failure
      ? `${failure.message} ${failure.hint}`
      : "Objects, classes and undo. Later changes save themselves.";
    setText(note, words.trim());
    note.classList.toggle("sw-wrong", failure !== null);
    setAttribute(field, "aria-invalid", failure ? "true" : null);
  }

  const show = (isSavingNow: boolean) => {
    isSaving = isSavingNow;
    setText(button, isSaving ? "Saving…" : "Save");
    setAttribute(button, "aria-disabled", String(isSaving));
  };

  const save = () => {
    const name = field.value.trim();
    if (isSaving || name === "") return;
    show(true);
    const path = /\.[^./\\]+$/.test(name) ? name : name + SUFFIX;
    const id = session.request(
      { kind: "save_session", path },
      {
        onReply: (reply) => {
          if (reply.kind === "done") scope.end();
          else if (reply.kind === "error") fail(reply);
        },
      },
    );
    if (id === null) scope.end(); // the failure is on the screen
  };

  const fail = ({ code, message, hint }: Failure) => {
    if (scope.signal.aborted) {
      session.failure.value = { code, message, hint };
      return;
    }
    show(false);
    tell({ code, message, hint });
    field.focus({ preventScroll: true });
  };

  scope.listen(button, "click", save);
  scope.listen(field, "input", () => tell(null));
  scope.listen(field, "keydown", (event) => {
    if (event.key !== "Enter" || isComposing(event)) return;
    event.preventDefault();
    event.stopPropagation();
    save();
  });
  scope.watch([session.presence], (presence) => {
    if (presence === "absent") scope.end();
  });
}

/** The file that the session has; or else a new one, named after the image. */
function proposedName({ sessionFile, photo }: Session): string {
  const file = sessionFile.value;
  if (file?.phase === "saved" || file?.phase === "saving") return file.path;
  const name = photo.value?.name?.replace(/\.[^.]*$/, "") || "labels";
  return `${name}${file ? "-2" : ""}${SUFFIX}`;
}
