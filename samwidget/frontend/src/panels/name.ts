// Panel: the field for the name of the active object, over the photo beside its mask. Clicks go through it to the photo, so
// it covers nothing that can be clicked. The list uses the same field in its rows.

import { moveCrosshair } from "../commands/crosshair.ts";
import { hasBrush, resizeBrush } from "../commands/drawing.ts";
import { acceptName, dropName, leaveName, writeName } from "../commands/naming.ts";
import { h, Scope } from "../dom.ts";
import { focusedElement, focusPhoto } from "../focus.ts";
import type { View } from "../view.ts";
import { type Point, toScreen } from "../viewport.ts";
import { isComposing, nameInput } from "./name_input.ts";

/** Between the mask and the field, and between the field and the edge of the photo; CSS pixels. */
const GAP_PX = 8;
/** Height of the field, CSS pixels; it is as wide as its text. */
const HEIGHT_PX = 28;

export function namePanel(view: View, scope: Scope): HTMLElement {
  const { naming, nameText, stageSize } = view.state;
  const element = h("div", { class: "sw-naming" });
  watchNaming(view, scope, false, (_, fieldScope) => {
    openNameField(view, fieldScope, (field) => element.replaceChildren(field));
    fieldScope.onEnd(() => element.replaceChildren());
  });
  scope.effect(() => {
    const at = naming.value ? anchor(view) : null;
    if (!at) return;
    void nameText.value; // the field grows with it
    const { width, height } = stageSize.value;
    const margin = (element.querySelector("input")?.offsetWidth ?? 0) / 2 + GAP_PX;
    const x = Math.min(width - margin, Math.max(margin, at.x));
    const y = Math.min(height - GAP_PX, Math.max(HEIGHT_PX + GAP_PX, at.y - GAP_PX));
    element.style.transform = `translate(${x}px, ${y}px)`;
  });
  return element;
}

/** Calls `open` when a name is begun in the list, or else over the photo; the scope that it gets ends with the name. */
export function watchNaming(
  { state }: View,
  scope: Scope,
  isInList: boolean,
  open: (object: number | null, scope: Scope) => void,
): void {
  let fieldScope = new Scope(scope.signal);
  scope.watch([state.naming], (naming) => {
    fieldScope.end();
    fieldScope = new Scope(scope.signal);
    if (naming?.isInList === isInList) open(naming.object, fieldScope);
  });
}

/** Where the field points to, CSS pixels: the middle of the upper side of the mask, or the newest prompt. */
function anchor({ session, state }: View): Point | null {
  const id = state.naming.value?.object;
  const box = session.document.value.objects.find((object) => object.id === id)?.box;
  const { points, boxes } = state.prompts.value;
  const newest = points.at(-1)?.at ?? middleOf(boxes.at(-1)?.box);
  const at = middleOf(box) ?? newest;
  return at ? toScreen(state.viewport.value, at) : null;
}

function middleOf(box: readonly [number, number, number, number] | null | undefined): Point | null {
  return box ? { x: (box[0] + box[2]) / 2, y: box[1] } : null;
}

/** A field for the name that is being written, with the focus; `insert` puts it into the page. */
export function openNameField(view: View, scope: Scope, insert: (field: HTMLElement) => void): HTMLInputElement {
  const field = nameInput({ "data-sw": "name-field", "aria-label": "Name", value: view.state.nameText.peek() });
  scope.listen(field, "input", () => writeName(view, field.value));
  scope.listen(field, "blur", () => {
    // When the window loses the focus, the field still has it inside the page, and the user comes back to it.
    if (focusedElement(field) !== field) leaveName(view);
  });
  scope.listen(field, "keydown", (event) => {
    view.state.nameText.value = field.value;
    pressKey(event, view);
  });
  insert(field);
  field.focus({ preventScroll: true });
  field.select();
  return field;
}

function pressKey(event: KeyboardEvent, view: View): void {
  if (isComposing(event)) return;
  // With Ctrl it is a key for the photo: commands/turning.ts.
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return;
  if (event.key === "Enter") acceptName(view);
  else if (event.key === "Escape") dropName(view);
  else if (event.key.startsWith("Arrow") && view.state.loneKey.value) {
    leaveName(view);
    moveCrosshair(view, event.key, event.shiftKey);
  } else if (/^[[\]]$/.test(event.key) && view.state.loneKey.value && hasBrush(view)) {
    leaveName(view);
    resizeBrush(view, event.key === "]" ? 1 : -1);
  } else return;
  event.preventDefault();
  event.stopPropagation();
  focusPhoto(view);
}
