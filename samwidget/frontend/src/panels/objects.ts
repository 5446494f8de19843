// Panel: the list of objects, and below it how masks are shown (opacity, threshold, hover).

import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { grouped } from "../figures.ts";
import { icon } from "../icons.ts";
import type { DocumentSummary, ObjectSummary } from "../protocol.ts";
import { NAME_LENGTH_MAX } from "../protocol.ts";
import type { Session } from "../session.ts";
import type { ViewState } from "../state.ts";
import type { Desk } from "../tools/tool.ts";
import { looks } from "./looks.ts";

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

export function objectsPanel(
  session: Session,
  state: ViewState,
  desk: Desk,
  focusStage: () => void,
  scope: Scope,
): HTMLElement {
  const count = h("span", { class: "sw-count", "data-sw": "count" });
  const clear = h("button", { class: "sw-quiet", type: "button", "data-sw": "clear" }, "Clear");
  const rows = h("ul", { class: "sw-rows", "aria-label": "Objects" });
  const empty = h("p", { class: "sw-empty", "data-sw": "empty" });
  const element = h(
    "section",
    { class: "sw-list", "aria-label": "Objects and how they are shown" },
    h("header", { class: "sw-head" }, h("span", { class: "sw-title" }, "Objects"), clear, count),
    h("div", { class: "sw-scroll" }, rows, empty),
    looks(session, desk.hover, scope),
  );
  const known = new Map<number, Row>();

  scope.listen(clear, "click", () => desk.intend({ kind: "clear" }));
  scope.listen(rows, "click", (event) => act(event, session.document.value, desk));
  scope.listen(rows, "dblclick", (event) => {
    const id = rowId(event.target);
    if (id !== null && !isButton(event.target, "sw-row-action")) state.renaming.value = id;
  });
  scope.effect(() => {
    const document = session.document.value;
    setText(count, String(document.objects.length));
    empty.hidden = document.objects.length > 0;
    setText(
      empty,
      session.findings.isOpen.value
        ? "What you keep of the findings appears here."
        : "Click something in the photo: its mask appears here.",
    );
    clear.hidden = document.objects.length === 0;
    const hadFocus = rows.matches(":focus-within");
    arrange(rows, known, document);
    // A row that goes must not take the keyboard with it.
    if (hadFocus && !rows.matches(":focus-within")) focusStage();
    for (const object of document.objects) {
      const row = known.get(object.id);
      if (row) show(row, object, object.id === document.active);
    }
  });
  scope.effect(() => {
    const row = known.get(state.renaming.value ?? -1);
    if (row) rename(row, state, desk, scope);
  });
  return element;
}

function act(event: MouseEvent, document: DocumentSummary, desk: Desk): void {
  const id = rowId(event.target);
  const object = document.objects.find((one) => one.id === id);
  if (!object || event.target instanceof HTMLInputElement) return;
  if (isButton(event.target, "sw-eye")) {
    desk.intend({ kind: "set_visible", object: object.id, visible: !object.visible });
  } else if (isButton(event.target, "sw-trash")) {
    desk.intend({ kind: "delete", object: object.id });
  } else if (object.id !== document.active) {
    desk.intend({ kind: "select", object: object.id });
  }
}

function rowId(target: EventTarget | null): number | null {
  const row = target instanceof Element ? target.closest<HTMLElement>(".sw-row") : null;
  return row ? Number(row.dataset.objectId) : null;
}

function isButton(target: EventTarget | null, name: string): boolean {
  return target instanceof Element && target.closest(`.${name}`) !== null;
}

/** Makes, drops and orders the rows; a row that stays keeps its element, and with it the focus. */
function arrange(rows: HTMLElement, known: Map<number, Row>, document: DocumentSummary): void {
  const wanted = new Set(document.objects.map((object) => object.id));
  for (const [id, row] of known) {
    if (wanted.has(id)) continue;
    row.element.remove();
    known.delete(id);
  }
  for (const [i, object] of document.objects.entries()) {
    const row = known.get(object.id) ?? makeRow(object.id);
    known.set(object.id, row);
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

function show(row: Row, object: ObjectSummary, isActive: boolean): void {
  row.swatch.style.background = object.colour;
  setText(row.name, object.name);
  setText(row.meta, isActive ? `refining · ${promptCount(object)}` : measures(object));
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

function measures(object: ObjectSummary): string {
  const area = object.area > 0 ? `${grouped(object.area)} px` : "empty mask";
  return object.score === null ? area : `${object.score.toFixed(2)} · ${area}`;
}

function promptCount(object: ObjectSummary): string {
  const clicks = object.points.length;
  const parts = [];
  if (object.prompt_box) parts.push("box");
  if (clicks > 0 || parts.length === 0) parts.push(`${clicks} ${clicks === 1 ? "click" : "clicks"}`);
  return parts.join(" + ");
}

/** A field in the place of the name: Enter and leaving it keep the new name, Escape does not. */
function rename(row: Row, state: ViewState, desk: Desk, scope: Scope): void {
  const before = row.name.textContent ?? "";
  const field = h("input", {
    class: "sw-field",
    type: "text",
    "data-sw": "name-field",
    "aria-label": "Name",
    maxlength: NAME_LENGTH_MAX,
    value: before,
  });
  const id = Number(row.element.dataset.objectId);
  let isOpen = true;
  const close = (name: string | null, refocus: boolean) => {
    if (!isOpen) return;
    isOpen = false;
    field.remove();
    row.main.hidden = false;
    state.renaming.value = null;
    if (refocus) row.main.focus();
    if (name && name !== before) desk.intend({ kind: "rename", object: id, name });
  };
  row.main.hidden = true;
  row.main.before(field);
  field.focus();
  field.select();
  scope.listen(field, "blur", () => close(field.value.trim(), false));
  scope.listen(field, "keydown", (event) => {
    if (event.key === "Enter") close(field.value.trim(), true);
    else if (event.key === "Escape") close(null, true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}
