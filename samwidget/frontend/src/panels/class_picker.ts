// Panel: a field that finds a class by its name, or adds it; opened by its key, by "+" and for a selection. Arrow keys move
// through the classes below it, Enter takes one (ARIA combobox pattern).

import { giveClass } from "../commands/classes.ts";
import { h, type Scope, setAttribute } from "../dom.ts";
import { openPopover } from "../popover.ts";
import type { View } from "../view.ts";
import { isComposing, nameInput } from "./name_input.ts";

/** One line of the list; null is no class. */
interface Option {
  name: string | null;
  text: string;
  colour: string;
}

let count = 0;

/** Shows the field while `state.isChoosingClass`. */
export function watchClassPicker(view: View, scope: Scope): void {
  scope.watch([view.state.isChoosingClass], (isChoosing) => {
    if (isChoosing) open(view, scope);
  });
}

function open(view: View, viewScope: Scope): void {
  const { classes } = view.session.document.value;
  const listId = `sw-classes-${++count}`;
  const field = nameInput({
    role: "combobox",
    "data-sw": "class-field",
    "aria-label": "Class",
    "aria-expanded": "true",
    "aria-autocomplete": "list",
    "aria-controls": listId,
    placeholder: classes.length > 0 ? "Find or add a class" : "Name of a class",
  });
  const list = h("ul", { class: "sw-options", id: listId, role: "listbox", "aria-label": "Classes" });
  const content = h("div", { class: "sw-picker" }, field, list);
  let options: Option[] = [];
  let at = -1;

  const show = (next: number) => {
    at = next;
    for (const [i, element] of [...list.children].entries()) setAttribute(element, "aria-selected", String(i === at));
    const current = list.children[at];
    setAttribute(field, "aria-activedescendant", current?.id ?? null);
    if (current && list.scrollHeight > list.clientHeight) current.scrollIntoView({ block: "nearest" });
  };
  const find = () => {
    options = matching(view, field.value.trim());
    list.replaceChildren(...options.map((option, i) => optionElement(option, `${listId}-${i}`)));
    list.hidden = options.length === 0;
    show(field.value.trim() ? 0 : -1);
  };
  find();
  const scope = openPopover(view, anchor(view), content, field, viewScope);
  scope.onEnd(() => {
    view.state.isChoosingClass.value = false;
  });
  const take = (option: Option | undefined) => {
    scope.end();
    if (option) giveClass(view, option.name);
  };
  scope.listen(field, "input", find);
  scope.listen(field, "keydown", (event) => {
    if (isComposing(event)) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && options.length > 0)
      show((Math.max(at, step < 0 ? 0 : -1) + step + options.length) % options.length);
    else if (event.key === "Enter") take(options[at]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  // The focus stays in the field while an option is pressed.
  scope.listen(list, "mousedown", (event) => event.preventDefault());
  scope.listen(list, "click", ({ target }) => {
    const element = target instanceof Element ? target.closest("li") : null;
    if (element) take(options[[...list.children].indexOf(element)]);
  });
}

/** The classes whose names hold `text`, those that begin with it first; then a new one, or none. */
function matching({ session, state }: View, text: string): Option[] {
  const wanted = text.toLocaleLowerCase();
  const { classes, objects } = session.document.value;
  const options = classes.map(({ name, colour }): Option => ({ name, text: name, colour }));
  const rank = ({ text }: Option) => text.toLocaleLowerCase().indexOf(wanted);
  const matches = options
    .filter((option) => rank(option) >= 0)
    .sort((a, b) => Math.min(rank(a), 1) - Math.min(rank(b), 1));
  if (text) return classes.some(({ name }) => name === text) ? matches : [...matches, added(text)];
  const targets = objects.filter(({ id }) => state.selection.value.includes(id) || id === state.active.value?.id);
  const hasClass = targets.some((object) => object.class !== null) || state.newClass.value !== null;
  return hasClass ? [...matches, { name: null, text: "No class", colour: "" }] : matches;
}

function added(name: string): Option {
  return { name, text: `Add “${name}”`, colour: "" };
}

function optionElement({ text, colour }: Option, id: string): HTMLElement {
  const dot = h("i", { class: "sw-class-dot" });
  dot.style.background = colour || "none";
  return h("li", { class: "sw-option", id, role: "option", "data-sw": "class-option" }, dot, h("span", {}, text));
}

/** What the field opens beside: the button for a selection, the one that adds a class, or else the head of the list. */
function anchor({ root }: View): HTMLElement {
  const names = ['[data-sw="selection-class"]', '[data-sw="class-add"]', ".sw-head"];
  const elements = names.map((name) => root.querySelector<HTMLElement>(name));
  return elements.find((element) => element?.offsetParent) ?? root;
}
