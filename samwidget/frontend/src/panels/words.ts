// Panel: the field for words that say what to find, beside its button in the toolbar; only where the model reads words. Enter
// starts the search, whose panel is panels/everything.ts. What was written stays for the next time.

import { readsWords, startFind } from "../commands/words.ts";
import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { openPopover } from "../popover.ts";
import type { View } from "../view.ts";
import { isComposing } from "./name_input.ts";

/** Several phrases at once. */
const TEXT_LENGTH_MAX = 400;
const USUAL_NOTE = "Commas part several phrases. What is found gets its phrase as class.";

let count = 0;

/** Shows the panel beside `anchor` while `state.isWordsOpen`. */
export function watchWordsPanel(view: View, anchor: HTMLElement, scope: Scope): void {
  scope.watch([view.state.isWordsOpen], (isOpen) => {
    if (isOpen) open(view, anchor, scope);
  });
}

function open(view: View, anchor: HTMLElement, viewScope: Scope): void {
  const { session, state } = view;
  const noteId = `sw-words-note-${++count}`;
  const field = h("input", {
    class: "sw-field",
    type: "text",
    "data-sw": "words-field",
    "aria-label": "What to find",
    "aria-describedby": noteId,
    placeholder: "red apple, coin",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    dir: "auto",
    maxlength: TEXT_LENGTH_MAX,
  });
  const button = h("button", { class: "sw-save", type: "button", "data-sw": "words-button" }, "Find");
  const example = session.document.value.objects.find(({ id }) => id === state.nextActive.value);
  const isLike = h("input", { type: "checkbox", "data-sw": "words-example" });
  const like = h(
    "label",
    { class: "sw-words-example", hidden: !example?.box },
    isLike,
    h("span", {}, `and what looks like ${example?.name ?? ""}`),
  );
  const note = h("p", { class: "sw-save-note", id: noteId, "aria-live": "polite", "data-sw": "words-note" });
  const content = h(
    "div",
    { class: "sw-saving sw-words", role: "dialog", "aria-label": "Find by words" },
    h("strong", {}, "Find by words"),
    h("div", {}, field, button),
    like,
    note,
  );
  field.value = state.wordsText.value;
  tell("");
  const scope = openPopover(view, anchor, content, field, viewScope);
  field.select();
  scope.onEnd(() => {
    state.isWordsOpen.value = false;
  });

  function tell(problem: string): void {
    setText(note, problem || USUAL_NOTE);
    note.classList.toggle("sw-wrong", problem !== "");
    setAttribute(field, "aria-invalid", problem ? "true" : null);
  }

  const start = () => {
    const problem = startFind(view, field.value, isLike.checked && example?.box ? [example.box] : []);
    if (problem) {
      tell(problem);
      field.focus({ preventScroll: true });
    } else {
      scope.end();
    }
  };

  scope.listen(button, "click", start);
  scope.listen(field, "input", () => {
    state.wordsText.value = field.value;
    tell("");
  });
  scope.listen(content, "keydown", (event) => {
    // Letters and digits are no keys of the widget here.
    if (event.key === "Escape") return;
    event.stopPropagation();
    if (event.key !== "Enter" || event.target === button || isComposing(event)) return;
    event.preventDefault();
    start();
  });
  scope.watch([session.status, session.presence], () => {
    if (!readsWords(view)) scope.end();
  });
}
