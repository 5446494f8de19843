// Panel: the classes as chips above the list of objects, only where there are classes. The marked chip is the class of what
// is selected or active, or else that of the next object. A click gives the class; where that would change nothing, it opens
// the menu of the class, as the right button does.

import { chooseClass, deleteClass, giveClass, renameClass, showOnlyClass } from "../commands/classes.ts";
import { h, keepMenuShut, type Scope, setAttribute, setText } from "../dom.ts";
import { icon } from "../icons.ts";
import { shortcutOf } from "../keyboard.ts";
import { openPopover } from "../popover.ts";
import { rove } from "../rove.ts";
import type { View } from "../view.ts";
import { isComposing, nameInput } from "./name_input.ts";

/** Classes with a digit key. */
const DIGITS = 9;

interface Chip {
  element: HTMLButtonElement;
  name: HTMLElement;
  count: HTMLElement;
}

export function classesPanel(view: View, scope: Scope): HTMLElement {
  const { session, state } = view;
  const add = addButton("sw-chip sw-chip-add", "Add or find a class");
  const element = h("div", { class: "sw-chips", role: "toolbar", "aria-label": "Classes" }, add);
  const chips: Chip[] = [];
  const arrange = rove(
    element,
    () => chips.find(({ element }) => element.getAttribute("aria-pressed") === "true")?.element,
    scope,
  );
  scope.listen(add, "click", () => chooseClass(view));
  scope.listen(element, "click", ({ target }) => {
    const name = chipName(target);
    if (name === null || !(target instanceof Element)) return;
    if (name === state.markedClass.value) openMenu(view, name, target.closest("button") ?? element, scope);
    else giveClass(view, name);
  });
  scope.listen(element, "contextmenu", (event) => {
    const name = chipName(event.target);
    if (name === null || !(event.target instanceof Element)) return;
    keepMenuShut(event);
    openMenu(view, name, event.target.closest("button") ?? element, scope);
  });
  scope.effect(() => {
    const { classes } = session.document.value;
    element.hidden = classes.length === 0;
    setAttribute(view.root, "data-classes", classes.length > 0 ? "" : null);
    while (chips.length > classes.length) chips.pop()?.element.remove();
    while (chips.length < classes.length) {
      const chip = makeChip(chips.length);
      chips.push(chip);
      add.before(chip.element);
    }
    for (const [i, { name, colour, count }] of classes.entries()) {
      const chip = chips[i];
      if (!chip) continue;
      const isMarked = state.markedClass.value === name;
      const isHidden = state.shownClass.value !== null && state.shownClass.value !== name;
      const key = i < DIGITS ? ` (${i + 1})` : "";
      const objects = `${count} ${count === 1 ? "object" : "objects"}`;
      setText(chip.name, name);
      setAttribute(chip.count, "data-text", String(count));
      chip.element.dataset.className = name;
      chip.element.style.setProperty("--sw-class", colour);
      setAttribute(chip.element, "aria-pressed", String(isMarked));
      setAttribute(chip.element, "aria-label", `${name}, ${objects}${key}`);
      setAttribute(chip.element, "title", `${name}${key} · ${isMarked ? "click" : "right-click"} for more`);
      chip.element.classList.toggle("sw-dimmed", isHidden);
    }
    arrange();
  });
  return element;
}

/** The button that opens the field for a class, where there is none yet and beside the chips. */
export function addButton(className: string, label: string, ...content: (Node | string)[]): HTMLButtonElement {
  const text = `${label} (${shortcutOf("class")})`;
  const attributes = { class: className, type: "button", "data-sw": "class-add", "aria-label": text, title: text };
  return h("button", attributes, ...(content.length > 0 ? content : [icon("plus")]));
}

function makeChip(index: number): Chip {
  const name = h("span", { class: "sw-chip-name" });
  const count = h("span", { class: "sw-chip-count" });
  // The stylesheet writes count and key, which the label has in words.
  const key = index < DIGITS ? [h("kbd", { class: "sw-key", "data-text": index + 1 })] : [];
  const element = h(
    "button",
    { class: "sw-chip", type: "button", "data-sw": "class" },
    h("i", { class: "sw-class-dot" }),
    name,
    count,
    ...key,
  );
  return { element, name, count };
}

function chipName(target: EventTarget | null): string | null {
  const chip = target instanceof Element ? target.closest<HTMLElement>("[data-class-name]") : null;
  return chip?.dataset.className ?? null;
}

/** What can be done with a class itself. */
function openMenu(view: View, name: string, anchor: HTMLElement, viewScope: Scope): void {
  const isOnly = view.state.shownClass.value === name;
  const isForNew = view.state.newClass.value === name && view.state.active.value === null;
  const item = (text: string, dataName: string) =>
    h("button", { class: "sw-item", type: "button", role: "menuitem", "data-sw": dataName, tabindex: -1 }, text);
  const only = item(isOnly ? "Show all classes" : "Show only this class", "class-only");
  const none = item("No class for the next object", "class-none");
  const rename = item("Rename", "class-rename");
  const remove = item("Delete class", "class-delete");
  const items = [only, ...(isForNew ? [none] : []), rename, remove];
  const menu = h("div", { class: "sw-menu", role: "menu", "aria-label": `Class ${name}` }, ...items);
  const scope = openPopover(view, anchor, menu, only, viewScope);
  const acts: [HTMLElement, () => void][] = [
    [only, () => showOnlyClass(view, name)],
    [none, () => giveClass(view, null)],
    [remove, () => deleteClass(view, name)],
    [rename, () => openRename(view, name, anchor, viewScope)],
  ];
  for (const [button, act] of acts) {
    scope.listen(button, "click", () => {
      scope.end();
      act();
    });
  }
  rove(menu, () => only, scope);
}

function openRename(view: View, name: string, anchor: HTMLElement, viewScope: Scope): void {
  const field = nameInput({ "data-sw": "class-name-field", "aria-label": `New name of class ${name}`, value: name });
  const scope = openPopover(view, anchor, h("div", { class: "sw-picker" }, field), field, viewScope);
  field.select();
  scope.listen(field, "keydown", (event) => {
    if (event.key !== "Enter" || isComposing(event)) return;
    event.preventDefault();
    event.stopPropagation();
    const text = field.value.trim();
    scope.end();
    if (text) renameClass(view, name, text);
  });
}
