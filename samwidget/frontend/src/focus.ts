// Where the keyboard focus of a view goes: keys reach the widget only while one of its elements has it.

import { parentOf, type Scope } from "./dom.ts";
import type { View } from "./view.ts";

const MODIFIERS: ReadonlySet<string> = new Set(["Control", "Meta", "Shift", "Alt"]);

/** Moves the focus to the photo, where all keys of the widget work. */
export function focusPhoto({ root }: View): void {
  focusElement(root, ".sw-stage");
}

/** Moves the focus to the button that a user of the everything panel needs next. */
export function focusEverything({ root, session: { everything } }: View): void {
  const isEmpty = everything.foundObjects.value.length === 0;
  const name = everything.isRunning.value ? "cancel" : isEmpty ? "discard" : "keep";
  focusElement(root, `[data-sw="find-${name}"]`);
}

/** Gives the focus back to the notebook: to the nearest element around the widget that takes it, such as its cell. */
export function leaveWidget({ root }: View): void {
  for (let element = parentOf(root); element; element = parentOf(element)) {
    // Not the page itself: with the focus there, a notebook hears no keys.
    if (!(element instanceof HTMLElement) || element === document.body || !element.hasAttribute("tabindex")) continue;
    element.focus({ preventScroll: true });
    if (element.matches(":focus, :focus-within") && !root.matches(":focus-within")) return;
  }
  const focused = focusedElement(root);
  if (focused instanceof HTMLElement) focused.blur();
}

/** Moves the focus to the photo where it is in one of `elements` that is hidden: the keys must go on working. */
export function leaveHidden(view: View, elements: readonly HTMLElement[]): void {
  const focused = focusedElement(view.root);
  if (elements.some((element) => element.hidden && element.contains(focused))) focusPhoto(view);
}

/** The element that has the focus in the tree of `root`, which may be a shadow tree. */
export function focusedElement(root: HTMLElement): Element | null {
  return (root.getRootNode() as Document | ShadowRoot).activeElement;
}

function focusElement(root: HTMLElement, selector: string): void {
  root.querySelector<HTMLElement>(selector)?.focus({ preventScroll: true });
}

/** Keeps `state.hasFocus` true while an element of the view has the focus, and marks whether keys are in use. */
export function watchFocus(view: View, scope: Scope): void {
  const { root, state } = view;
  scope.listen(root, "focusin", () => {
    state.hasFocus.value = true;
  });
  scope.listen(root, "focusout", (event) => {
    if (!(event.relatedTarget instanceof Node && root.contains(event.relatedTarget))) state.hasFocus.value = false;
  });
  // The ring around the photo is for the keyboard; after a click only the widget's border shows the focus.
  scope.listen(root, "pointerdown", () => root.removeAttribute("data-keys"), { capture: true });
  for (const type of ["keydown", "keyup"] as const) {
    // A modifier alone belongs to a click.
    const mark = ({ key }: KeyboardEvent) => MODIFIERS.has(key) || root.setAttribute("data-keys", "");
    scope.listen(root, type, mark, { capture: true });
  }
  // After a click on a button with the pointer, Enter accepts instead of pressing the button again.
  scope.listen(root, "click", (event) => {
    const isButton = event.target instanceof Element && event.target.closest("button, .sw-row") !== null;
    if (focusedElement(root)?.closest(".sw-popover")) return;
    if (event.detail > 0 && isButton && !state.naming.value && !state.isHelpOpen.value) focusPhoto(view);
  });
}
