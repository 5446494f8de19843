// Panel: the classes, the list of objects, and below it what can be done with the selected ones, or else how masks are shown
// (opacity, threshold, hover).

import { chooseClass } from "../commands/classes.ts";
import { accept } from "../commands/document.ts";
import { dropName, renameInList } from "../commands/naming.ts";
import { clearSelection, selectTo, toggleSelected } from "../commands/selection.ts";
import { h, keepMenuShut, type Scope, setText } from "../dom.ts";
import { focusPhoto } from "../focus.ts";
import type { DocumentSummary, ObjectSummary } from "../protocol.ts";
import type { View } from "../view.ts";
import { appearancePanel } from "./appearance.ts";
import { watchClassPicker } from "./class_picker.ts";
import { addButton, classesPanel } from "./classes.ts";
import { exportButton } from "./export.ts";
import { findPanel } from "./find.ts";
import { openNameField, watchNaming } from "./name.ts";
import { makeRow, type Row, showObject } from "./object_row.ts";
import { restorePanel } from "./restore.ts";
import { selectionPanel } from "./selection.ts";
import { watchThumbnails } from "./thumbnails.ts";

/** A finger that stays this long on a row selects it. */
const LONG_PRESS_MS = 450;

export function objectsPanel(view: View, scope: Scope): HTMLElement {
  const { session, state } = view;
  const count = h("span", { class: "sw-count", "data-sw": "count" });
  const addClass = addButton("sw-quiet", "Add a class", "Class");
  const clear = h("button", { class: "sw-quiet", type: "button", "data-sw": "clear" }, "Clear");
  const rows = h("ul", { class: "sw-rows", "aria-label": "Objects" });
  const empty = h("p", { class: "sw-empty", "data-sw": "empty" });
  const scroller = h("div", { class: "sw-scroll" }, rows, empty, restorePanel(view, scope));
  const element = h(
    "section",
    { class: "sw-list", "aria-label": "Objects and how they are shown" },
    h(
      "div",
      { class: "sw-head" },
      h("span", { class: "sw-title" }, "Objects"),
      count,
      addClass,
      clear,
      exportButton(view, scope),
    ),
    classesPanel(view, scope),
    findPanel(view, scope, () => focusFirst(rows)),
    scroller,
    h("div", { class: "sw-foot" }, appearancePanel(view, scope), selectionPanel(view, scope)),
  );
  const rowsById = new Map<number, Row>();

  scope.listen(clear, "click", () => view.request({ kind: "clear" }));
  scope.listen(addClass, "click", () => chooseClass(view));
  scope.listen(rows, "click", (event) => clickRow(event, view));
  scope.listen(rows, "dblclick", (event) => {
    const id = rowId(event.target);
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (id !== null && !isButton(event.target, "sw-row-action")) renameInList(view, id);
  });
  scope.listen(rows, "keydown", (event) => pressKey(event, view));
  watchLongPress(rows, view, scope);
  watchPointedRow(rows, view, scope);
  watchClassPicker(view, scope);
  watchThumbnails(view, scope, scroller, rows, (id) => rowsById.get(id)?.picture);
  scope.onChange([session.photo], () => {
    scroller.scrollTop = 0;
  });
  let lastDocument: DocumentSummary | null = null;
  scope.effect(() => {
    const document = session.document.value;
    const objects = state.listed.value;
    const isPart = objects.length < document.objects.length;
    setText(count, isPart ? `${objects.length} of ${document.objects.length}` : String(objects.length));
    empty.hidden = objects.length > 0;
    setText(empty, emptyText(view));
    clear.hidden = document.objects.length === 0;
    addClass.hidden = document.objects.length === 0 || document.classes.length > 0;
    const hadFocus = rows.matches(":focus-within");
    arrangeRows(rows, rowsById, objects);
    // When a focused row is removed, the keys must go on working.
    if (hadFocus && !rows.matches(":focus-within")) focusPhoto(view);
    const selection = state.selection.value;
    const isSelected = (id: number) => (selection.length > 0 ? selection.includes(id) : null);
    for (const object of objects) {
      const row = rowsById.get(object.id);
      if (row) showObject(row, object, object.id === document.active, isSelected(object.id));
    }
    const activeRow = rowsById.get(document.active ?? -1);
    // Not when only the selection has changed: the list must not move under the pointer.
    if (activeRow && document !== lastDocument) scrollIntoSight(scroller, activeRow.element);
    lastDocument = document;
    const named = state.naming.peek()?.object ?? null;
    if (named !== null && !rowsById.has(named)) {
      dropName(view);
      focusPhoto(view);
    }
  });
  let marked: HTMLElement | undefined;
  scope.watch([state.listed, state.pointedObject], (_, pointed) => {
    const element = rowsById.get(pointed ?? -1)?.element;
    if (element === marked) return;
    marked?.classList.remove("sw-pointed");
    element?.classList.add("sw-pointed");
    marked = element;
    // The pointer is on the photo; in the list, the rows must not move below it.
    if (element && state.pointedRow.peek() === null) scrollIntoSight(scroller, element);
  });
  watchNaming(view, scope, true, (id, fieldScope) => {
    const row = rowsById.get(id ?? -1);
    if (row) openNameInRow(row, view, fieldScope);
  });
  return element;
}

/** Why there is no row. */
function emptyText({ session, state }: View): string {
  if (state.search.value.trim() !== "") return `No name and no class has “${state.search.value.trim()}”.`;
  if (session.document.value.objects.length > 0) return "No object has this class.";
  if (session.everything.isOpen.value) return "The found objects that you keep appear here.";
  return "Click an object in the image: its mask appears here.";
}

/** Gives the first row the focus; false where there is none. */
function focusFirst(rows: HTMLElement): boolean {
  const main = rows.querySelector<HTMLElement>(".sw-row-main");
  main?.focus();
  return main !== null;
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
  } else if (isButton(event.target, "sw-lock")) {
    view.request({ kind: "set_locked", objects: [object.id], locked: !object.locked });
  } else if (event.shiftKey) {
    selectTo(view, object.id);
  } else if (event.ctrlKey || event.metaKey || (isTouch(event) && view.state.selection.value.length > 0)) {
    toggleSelected(view, object.id);
  } else if (object.id !== view.state.nextActive.value) {
    view.request({ kind: "select", object: object.id });
  } else if (view.state.selection.value.length > 0) {
    clearSelection(view);
  } else if (event.detail > 0) {
    renameInList(view, object.id);
  } else {
    // Enter or Space on the row of the active object.
    accept(view);
  }
}

/** Keys of a row that has the focus: arrows go to its neighbours, with Shift they select; Ctrl+Space selects one more. */
function pressKey(event: KeyboardEvent, view: View): void {
  const id = rowId(event.target);
  if (id === null || event.target instanceof HTMLInputElement) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === " " && (event.ctrlKey || event.metaKey)) {
    toggleSelected(view, id);
  } else if (step !== undefined) {
    const row = (event.target as Element).closest(".sw-row");
    const next = step > 0 ? row?.nextElementSibling : row?.previousElementSibling;
    const nextId = rowId(next ?? null);
    if (nextId === null) return;
    // The row where Shift was pressed first is the first of the selection.
    if (event.shiftKey && view.state.selection.value.length === 0) view.state.selection.value = [id];
    if (event.shiftKey) selectTo(view, nextId);
    next?.querySelector<HTMLElement>(".sw-row-main")?.focus();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

/** A finger that stays on a row selects it; then taps select more. */
function watchLongPress(rows: HTMLElement, view: View, scope: Scope): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isLong = false;
  const stop = () => clearTimeout(timer);
  scope.listen(rows, "pointerdown", ({ target, pointerType }) => {
    stop();
    isLong = false;
    const id = rowId(target);
    if (pointerType !== "touch" || id === null) return;
    timer = setTimeout(() => {
      isLong = true;
      toggleSelected(view, id);
    }, LONG_PRESS_MS);
  });
  for (const type of ["pointerup", "pointercancel", "pointerleave"] as const) scope.listen(rows, type, stop);
  scope.listen(rows, "contextmenu", (event) => isTouch(event) && keepMenuShut(event));
  // The click at the end of a long press is no click.
  scope.listen(
    rows,
    "click",
    (event) => {
      if (isLong) event.stopImmediatePropagation();
      isLong = false;
    },
    { capture: true },
  );
  scope.onEnd(stop);
}

function isTouch(event: MouseEvent): boolean {
  return (event as PointerEvent).pointerType === "touch";
}

function rowId(target: EventTarget | null): number | null {
  const row = target instanceof Element ? target.closest<HTMLElement>(".sw-row") : null;
  return row ? Number(row.dataset.objectId) : null;
}

function isButton(target: EventTarget | null, name: string): boolean {
  return target instanceof Element && target.closest(`.${name}`) !== null;
}

/** Adds, removes and orders the rows; a row that stays keeps its element, and with it the focus. */
function arrangeRows(rows: HTMLElement, rowsById: Map<number, Row>, objects: readonly ObjectSummary[]): void {
  const wanted = new Set(objects.map((object) => object.id));
  for (const [id, row] of rowsById) {
    if (wanted.has(id)) continue;
    row.element.remove();
    rowsById.delete(id);
  }
  for (const [i, object] of objects.entries()) {
    const row = rowsById.get(object.id) ?? makeRow(object.id);
    rowsById.set(object.id, row);
    if (rows.children[i] !== row.element) rows.insertBefore(row.element, rows.children[i] ?? null);
  }
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
