// Panel: the list of objects, and below it how masks are shown (opacity, threshold, hover).

import { accept } from "../commands/document.ts";
import { dropName, renameInList } from "../commands/naming.ts";
import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { focusPhoto } from "../focus.ts";
import { icon } from "../icons.ts";
import { formatCount, formatScore } from "../numbers.ts";
import type { DocumentSummary, ObjectSummary } from "../protocol.ts";
import type { View } from "../view.ts";
import { appearancePanel } from "./appearance.ts";
import { openNameField, watchNaming } from "./name.ts";

/** The parts of a row that change. */
interface Row {
  element: HTMLLIElement;
  swatch: HTMLElement;
  main: HTMLButtonElement;
  name: HTMLElement;
  meta: HTMLElement;
  eye: HTMLButtonElement;
  trash: HTMLButtonElement;
  isVisible: boolean | null;
}

export function objectsPanel(view: View, scope: Scope): HTMLElement {
  const { session, state } = view;
  const count = h("span", { class: "sw-count", "data-sw": "count" });
  const clear = h("button", { class: "sw-quiet", type: "button", "data-sw": "clear" }, "Clear");
  const rows = h("ul", { class: "sw-rows", "aria-label": "Objects" });
  const empty = h("p", { class: "sw-empty", "data-sw": "empty" });
  const scroller = h("div", { class: "sw-scroll" }, rows, empty);
  const element = h(
    "section",
    { class: "sw-list", "aria-label": "Objects and how they are shown" },
    h("div", { class: "sw-head" }, h("span", { class: "sw-title" }, "Objects"), clear, count),
    scroller,
    appearancePanel(view, scope),
  );
  const rowsById = new Map<number, Row>();

  scope.listen(clear, "click", () => view.request({ kind: "clear" }));
  scope.listen(rows, "click", (event) => clickRow(event, view));
  scope.listen(rows, "dblclick", (event) => {
    const id = rowId(event.target);
    if (id !== null && !isButton(event.target, "sw-row-action")) renameInList(view, id);
  });
  watchPointedRow(rows, view, scope);
  scope.effect(() => {
    const document = session.document.value;
    setText(count, String(document.objects.length));
    empty.hidden = document.objects.length > 0;
    setText(
      empty,
      session.everything.isOpen.value
        ? "The found objects that you keep appear here."
        : "Click an object in the image: its mask appears here.",
    );
    clear.hidden = document.objects.length === 0;
    const hadFocus = rows.matches(":focus-within");
    arrangeRows(rows, rowsById, document);
    // When a focused row is removed, the keys must go on working.
    if (hadFocus && !rows.matches(":focus-within")) focusPhoto(view);
    for (const object of document.objects) {
      const row = rowsById.get(object.id);
      if (row) showObject(row, object, object.id === document.active);
    }
    const activeRow = rowsById.get(document.active ?? -1);
    if (activeRow) scrollIntoSight(scroller, activeRow.element);
    const named = state.naming.peek()?.object ?? null;
    if (named !== null && !rowsById.has(named)) {
      dropName(view);
      focusPhoto(view);
    }
  });
  scope.watch([session.document, state.pointedObject], (_, pointed) => {
    for (const [id, { element }] of rowsById) element.classList.toggle("sw-pointed", id === pointed);
  });
  watchNaming(view, scope, true, (id, fieldScope) => {
    const row = rowsById.get(id ?? -1);
    if (row) openNameInRow(row, view, fieldScope);
  });
  return element;
}

/** Keeps `pointedRow` the row under the pointer, or else the one with the keyboard's focus. */
function watchPointedRow(rows: HTMLElement, { state }: View, scope: Scope): void {
  const point = (id: number | null) => {
    state.pointedRow.value = id;
  };
  scope.listen(rows, "pointerover", ({ target, pointerType }) => pointerType !== "touch" && point(rowId(target)));
  scope.listen(rows, "pointerleave", () => point(null));
  scope.listen(rows, "focusin", ({ target }) => {
    if (target instanceof HTMLButtonElement && target.matches(":focus-visible")) point(rowId(target));
  });
  scope.listen(rows, "focusout", () => point(null));
}

/** Scrolls the list, and nothing around it, until the row is in sight. */
function scrollIntoSight(scroller: HTMLElement, row: HTMLElement): void {
  const list = scroller.getBoundingClientRect();
  const { top, bottom } = row.getBoundingClientRect();
  if (top < list.top) scroller.scrollTop -= list.top - top;
  else if (bottom > list.bottom) scroller.scrollTop += bottom - list.bottom;
}

function clickRow(event: MouseEvent, view: View): void {
  const { objects } = view.session.document.value;
  const id = rowId(event.target);
  const object = objects.find((object) => object.id === id);
  if (!object || event.target instanceof HTMLInputElement) return;
  if (isButton(event.target, "sw-eye")) {
    view.request({ kind: "set_visible", object: object.id, visible: !object.visible });
  } else if (isButton(event.target, "sw-trash")) {
    view.request({ kind: "delete", object: object.id });
  } else if (object.id !== view.state.nextActive.value) {
    view.request({ kind: "select", object: object.id });
  } else if (event.detail > 0) {
    renameInList(view, object.id);
  } else {
    // Enter or Space on the row of the active object.
    accept(view);
  }
}

function rowId(target: EventTarget | null): number | null {
  const row = target instanceof Element ? target.closest<HTMLElement>(".sw-row") : null;
  return row ? Number(row.dataset.objectId) : null;
}

function isButton(target: EventTarget | null, name: string): boolean {
  return target instanceof Element && target.closest(`.${name}`) !== null;
}

/** Adds, removes and orders the rows; a row that stays keeps its element, and with it the focus. */
function arrangeRows(rows: HTMLElement, rowsById: Map<number, Row>, document: DocumentSummary): void {
  const wanted = new Set(document.objects.map((object) => object.id));
  for (const [id, row] of rowsById) {
    if (wanted.has(id)) continue;
    row.element.remove();
    rowsById.delete(id);
  }
  for (const [i, object] of document.objects.entries()) {
    const row = rowsById.get(object.id) ?? makeRow(object.id);
    rowsById.set(object.id, row);
    if (rows.children[i] !== row.element) rows.insertBefore(row.element, rows.children[i] ?? null);
  }
}

function makeRow(id: number): Row {
  const swatch = h("i", { class: "sw-swatch" });
  const name = h("span", { class: "sw-name", "data-sw": "name" });
  const meta = h("span", { class: "sw-meta" });
  const main = h("button", { class: "sw-row-main", type: "button" }, h("span", { class: "sw-texts" }, name, meta));
  const eye = h("button", { class: "sw-row-action sw-eye", type: "button", "data-sw": "visible" });
  const trash = h("button", { class: "sw-row-action sw-trash", type: "button", "data-sw": "delete" }, icon("trash"));
  const element = h("li", { class: "sw-row", "data-sw": "object", "data-object-id": id }, swatch, main, eye, trash);
  return { element, swatch, main, name, meta, eye, trash, isVisible: null };
}

function showObject(row: Row, object: ObjectSummary, isActive: boolean): void {
  row.swatch.style.background = object.colour;
  setText(row.name, object.name);
  setText(row.meta, isActive ? `refining · ${promptText(object)}` : measureText(object));
  setAttribute(row.main, "aria-current", isActive ? "true" : null);
  setAttribute(row.main, "title", object.name);
  row.element.classList.toggle("sw-on", isActive);
  row.element.classList.toggle("sw-unseen", !object.visible);
  label(row.eye, `${object.visible ? "Hide" : "Show"} ${object.name}`);
  label(row.trash, `Delete ${object.name}`);
  if (row.isVisible !== object.visible) row.eye.replaceChildren(icon(object.visible ? "eye" : "hidden"));
  row.isVisible = object.visible;
}

function label(button: HTMLButtonElement, text: string): void {
  setAttribute(button, "aria-label", text);
  setAttribute(button, "title", text);
}

function measureText(object: ObjectSummary): string {
  const area = object.area > 0 ? `${formatCount(object.area)} px` : "empty mask";
  return object.score === null ? area : `${formatScore(object.score)} · ${area}`;
}

function promptText(object: ObjectSummary): string {
  const clicks = object.points.length;
  const parts = [];
  if (object.prompt_box) parts.push("box");
  if (clicks > 0 || parts.length === 0) parts.push(`${clicks} ${clicks === 1 ? "click" : "clicks"}`);
  return parts.join(" + ");
}

/** Puts a field where the name is, until `scope` ends. */
function openNameInRow(row: Row, view: View, scope: Scope): void {
  row.main.hidden = true;
  const field = openNameField(view, scope, (field) => row.main.before(field));
  scope.onEnd(() => {
    field.remove();
    row.main.hidden = false;
  });
}
