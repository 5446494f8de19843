// One row of the list: name, numbers and class of an object, and its buttons. panels/objects.ts arranges the rows and
// listens to them.

import { h, setAttribute, setText } from "../dom.ts";
import { icon } from "../icons.ts";
import { shortcutOf } from "../keyboard.ts";
import { formatCount, formatScore } from "../numbers.ts";
import type { ObjectSummary } from "../protocol.ts";

/** The parts of a row that change. */
export interface Row {
  element: HTMLLIElement;
  swatch: HTMLElement;
  /** In the place of the swatch where there are classes. */
  picture: HTMLCanvasElement;
  main: HTMLButtonElement;
  name: HTMLElement;
  meta: HTMLElement;
  /** Class of the object; marks of a hidden or locked one before it. */
  class: HTMLElement;
  lock: HTMLButtonElement;
  eye: HTMLButtonElement;
  trash: HTMLButtonElement;
  /** What the row shows: a change of one object of hundreds costs one row. */
  content: string;
  /** What the icons and the class show. */
  appearance: string;
}

export function makeRow(id: number): Row {
  const swatch = h("i", { class: "sw-swatch" });
  const picture = h("canvas", { class: "sw-thumbnail", "aria-hidden": "true" });
  const name = h("span", { class: "sw-name", "data-sw": "name" });
  const meta = h("span", { class: "sw-meta" });
  const class_ = h("span", { class: "sw-row-class", "data-sw": "object-class" });
  const main = h(
    "button",
    { class: "sw-row-main", type: "button" },
    h("span", { class: "sw-texts" }, name, meta),
    class_,
  );
  const lock = h("button", { class: "sw-row-action sw-lock", type: "button", "data-sw": "lock" });
  const eye = h("button", { class: "sw-row-action sw-eye", type: "button", "data-sw": "visible" });
  const trash = h("button", { class: "sw-row-action sw-trash", type: "button", "data-sw": "delete" }, icon("trash"));
  const actions = h("span", { class: "sw-actions" }, lock, eye, trash);
  const element = h(
    "li",
    { class: "sw-row", "data-sw": "object", "data-object-id": id },
    swatch,
    picture,
    main,
    actions,
  );
  return { element, swatch, picture, main, name, meta, class: class_, lock, eye, trash, content: "", appearance: "" };
}

/** Shows `object` in its row; `isSelected` is null where nothing is selected. */
export function showObject(row: Row, object: ObjectSummary, isActive: boolean, isSelected: boolean | null): void {
  const content = JSON.stringify([object, isActive, isSelected]);
  if (row.content === content) return;
  row.content = content;
  row.swatch.style.background = object.colour;
  setText(row.name, object.name);
  setText(row.meta, isActive ? `refining · ${promptText(object)}` : measureText(object));
  setAttribute(row.main, "aria-current", isActive ? "true" : null);
  setAttribute(row.main, "aria-pressed", isSelected === null ? null : String(isSelected));
  setAttribute(row.main, "title", object.class === null ? object.name : `${object.name} · ${object.class}`);
  row.element.classList.toggle("sw-on", isActive);
  row.element.classList.toggle("sw-selected", isSelected === true);
  row.element.classList.toggle("sw-unseen", !object.visible);
  row.element.classList.toggle("sw-locked", object.locked);
  label(row.lock, `${object.locked ? "Unlock" : "Lock"} ${object.name}`, shortcutOf("lock"));
  label(row.eye, `${object.visible ? "Hide" : "Show"} ${object.name}`);
  label(row.trash, `Delete ${object.name}`);
  const appearance = JSON.stringify([object.visible, object.locked, object.class, object.colour]);
  if (row.appearance === appearance) return;
  row.appearance = appearance;
  row.eye.replaceChildren(icon(object.visible ? "eye" : "hidden"));
  row.lock.replaceChildren(icon(object.locked ? "lock" : "unlocked"));
  const marks = [...(object.visible ? [] : [icon("hidden")]), ...(object.locked ? [icon("lock")] : [])];
  row.class.replaceChildren(...marks, ...(object.class === null ? [] : className(object.class, object.colour)));
}

function className(name: string, colour: string): HTMLElement[] {
  const dot = h("i", { class: "sw-class-dot" });
  dot.style.background = colour;
  return [dot, h("span", { class: "sw-row-class-name" }, name)];
}

function label(button: HTMLButtonElement, text: string, key = ""): void {
  setAttribute(button, "aria-label", text);
  setAttribute(button, "title", key ? `${text} (${key})` : text);
}

function measureText(object: ObjectSummary): string {
  const area = object.area > 0 ? `${formatCount(object.area)} px` : "empty mask";
  return object.score === null ? area : `${formatScore(object.score)} · ${area}`;
}

function promptText(object: ObjectSummary): string {
  const clicks = object.points.length;
  const parts = [];
  if (object.prompt_box) parts.push("box");
  // A mask that was drawn or given has no prompt.
  if (clicks === 0 && parts.length === 0) return `${formatCount(object.area)} px`;
  if (clicks > 0) parts.push(`${clicks} ${clicks === 1 ? "click" : "clicks"}`);
  return parts.join(" + ");
}
