// A small panel over the widget, beside the element that opened it. It ends with Escape, with a press or the focus
// elsewhere, and with the view; only one is open at a time.

import { h, Scope } from "./dom.ts";
import { focusedElement, focusPhoto } from "./focus.ts";
import type { View } from "./view.ts";

/** Between the panel and its anchor, and between the panel and the border of the widget; CSS pixels. */
const GAP_PX = 4;
const MARGIN_PX = 6;

/**
 * Shows `content` below `anchor`, or above it where the widget ends; `focus` gets the keyboard. The scope that is returned
 * ends with the panel: `end()` closes it, and the keys then go to the photo.
 */
export function openPopover(
  view: View,
  anchor: HTMLElement,
  content: HTMLElement,
  focus: HTMLElement,
  scope: Scope,
): Scope {
  const { root } = view;
  const opened = new Scope(scope.signal);
  const before = focusedElement(root);
  const element = h("div", { class: "sw-popover", "data-sw": "popover" }, content);
  root.append(element);
  moveTo(element, root, anchor);
  focus.focus({ preventScroll: true });

  opened.listen(element, "keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    // Back to where the user came from with the keyboard.
    if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    opened.end();
  });
  opened.listen(element, "focusout", ({ relatedTarget }) => {
    // A window that loses the focus keeps it inside the page.
    if (relatedTarget instanceof Node ? !element.contains(relatedTarget) : focusedElement(root) === null) opened.end();
  });
  opened.listen(
    root,
    "pointerdown",
    ({ target }) => {
      if (target instanceof Node && !element.contains(target)) opened.end();
    },
    { capture: true },
  );
  opened.onEnd(() => {
    const hadFocus = element.contains(focusedElement(root));
    element.remove();
    if (hadFocus) focusPhoto(view);
  });
  return opened;
}

/** Moves the panel to its anchor, inside the root. */
function moveTo(element: HTMLElement, root: HTMLElement, anchor: HTMLElement): void {
  const around = root.getBoundingClientRect();
  const at = anchor.getBoundingClientRect();
  const { width, height } = element.getBoundingClientRect();
  const left = Math.min(at.left - around.left, around.width - width - MARGIN_PX);
  const below = at.bottom - around.top + GAP_PX;
  const isBelow = below + height <= around.height - MARGIN_PX;
  element.style.left = `${Math.max(MARGIN_PX, left)}px`;
  // Above its anchor the panel grows upwards: a longer text must not push it out of the widget.
  const above = Math.min(around.bottom - at.top + GAP_PX, around.height - height - MARGIN_PX);
  if (isBelow) element.style.top = `${Math.max(MARGIN_PX, below)}px`;
  else element.style.bottom = `${above}px`;
}
