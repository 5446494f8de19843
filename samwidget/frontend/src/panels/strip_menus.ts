// The menus of the strip of photos: which photos it lists, and what a photo takes from the one before.

import { copyObjects, filterImages } from "../commands/turning.ts";
import { h, type Scope } from "../dom.ts";
import { ALL_IMAGES, type ImageFilter } from "../filmstrip.ts";
import { formatCount } from "../numbers.ts";
import { openPopover } from "../popover.ts";
import type { ImageState } from "../protocol.ts";
import { rove } from "../rove.ts";
import type { View } from "../view.ts";

/** The states as people read them, in the order of the menu. */
export const STATE_TEXTS: Readonly<Record<ImageState, string>> = {
  new: "new",
  in_work: "in work",
  done: "done",
  skipped: "skipped",
  to_check: "to check",
};

/** Offers the objects of the photo before. */
export function openCopyMenu(view: View, anchor: HTMLElement, viewScope: Scope): void {
  const items: [string, string, () => void][] = [
    ["Copy its objects", "copy-masks", () => copyObjects(view, false)],
    ["Copy its prompts, for new masks", "copy-prompts", () => copyObjects(view, true)],
  ];
  const buttons = items.map(([text, dataName, act]) => {
    const attributes = { class: "sw-item", type: "button", role: "menuitem", "data-sw": dataName, tabindex: -1 };
    return { button: h("button", attributes, text), act };
  });
  openMenu(view, anchor, "Copy from the photo before", buttons, 0, viewScope);
}

/** Offers the states and the classes; the strip then lists only those photos. */
export function openFilterMenu(view: View, anchor: HTMLElement, viewScope: Scope): void {
  const { filmstrip, session } = view;
  const { images } = session;
  if (!images.value) return;
  const { count, counts } = images.value;
  const filter = filmstrip.filter.value;
  const radio = (
    text: string,
    next: ImageFilter,
    dataName: string,
    mark: HTMLElement | null,
    number: number | null,
  ) => {
    const isChecked = next.state === filter.state && next.class === filter.class;
    const button = h("button", {
      class: "sw-item",
      type: "button",
      role: "menuitemradio",
      "aria-checked": String(isChecked),
      "data-sw": dataName,
      tabindex: -1,
    });
    button.append(...(mark ? [mark] : []), text);
    if (number !== null) button.append(h("span", { class: "sw-item-count" }, formatCount(number)));
    return { button, isChecked, act: () => filterImages(view, next) };
  };
  const states = (Object.keys(STATE_TEXTS) as ImageState[]).map((name) =>
    radio(
      STATE_TEXTS[name].replace(/^./, (letter) => letter.toUpperCase()),
      { state: name, class: filter.class },
      `filter-${name}`,
      h("i", { class: "sw-mark", "data-state": name }),
      counts[name],
    ),
  );
  const classes = session.document.value.classes.map(({ name, colour }) => {
    const dot = h("i", { class: "sw-class-dot" });
    dot.style.setProperty("--sw-class", colour);
    // Chosen again, the class is any.
    const next = filter.class === name ? null : name;
    return radio(`With ${name}`, { state: filter.state, class: next }, "filter-class", dot, null);
  });
  for (const [i, { name }] of session.document.value.classes.entries()) {
    classes[i]?.button.setAttribute("aria-checked", String(name === filter.class));
  }
  const all = radio("All photos", ALL_IMAGES, "filter-all", null, count);
  const items = [all, ...states, ...classes];
  const present = Math.max(
    0,
    items.findIndex(({ isChecked }) => isChecked),
  );
  openMenu(view, anchor, "Photos in the strip", items, present, viewScope);
}

/** A menu in a popover; an item closes it and acts. */
function openMenu(
  view: View,
  anchor: HTMLElement,
  label: string,
  items: readonly { button: HTMLButtonElement; act: () => void }[],
  present: number,
  viewScope: Scope,
): void {
  const menu = h("div", { class: "sw-menu", role: "menu", "aria-label": label });
  menu.append(...items.map(({ button }) => button));
  const first = items[present]?.button ?? anchor;
  const scope = openPopover(view, anchor, menu, first, viewScope);
  for (const { button, act } of items) {
    scope.listen(button, "click", () => {
      scope.end();
      act();
    });
  }
  rove(menu, () => first, scope);
}
