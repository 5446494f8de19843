// Panel: the field that finds objects of the list by name and class, and the button for the order of the list. Only where the
// list is long, or is not as it would be without them.

import { findInList, orderList } from "../commands/listing.ts";
import { h, type Scope, setAttribute } from "../dom.ts";
import { focusPhoto, leaveHidden } from "../focus.ts";
import { icon } from "../icons.ts";
import { shortcutOf } from "../keyboard.ts";
import { LIST_ORDERS, LONG_LIST, orderLabel } from "../listing.ts";
import { openPopover } from "../popover.ts";
import { rove } from "../rove.ts";
import type { View } from "../view.ts";
import { isComposing, nameInput } from "./name_input.ts";

/** `focusRows` gives the first row the focus; false where there is none. */
export function findPanel(view: View, scope: Scope, focusRows: () => boolean): HTMLElement {
  const { session, state } = view;
  const field = nameInput({
    class: "sw-search",
    role: "searchbox",
    "data-sw": "search",
    "aria-label": "Find objects by name or class",
    title: `Find objects by name or class (${shortcutOf("find")})`,
    placeholder: "Name or class",
  });
  const order = h("button", { class: "sw-order", type: "button", "data-sw": "order", "aria-haspopup": "menu" });
  order.append(icon("order"));
  const element = h("div", { class: "sw-find", hidden: true }, icon("search"), field, order);

  scope.listen(field, "input", () => findInList(view, field.value));
  scope.listen(field, "keydown", (event) => {
    if (isComposing(event)) return;
    if (event.key === "Escape" && field.value) findInList(view, "");
    else if (event.key === "Escape") focusPhoto(view);
    else if (event.key !== "ArrowDown" && event.key !== "Enter") return;
    else focusRows();
    event.preventDefault();
    event.stopPropagation();
  });
  scope.listen(order, "click", () => openMenu(view, order, scope));
  scope.watch([session.document, state.search, state.listOrder], ({ objects }, search, listOrder) => {
    element.hidden = objects.length <= LONG_LIST && search === "" && listOrder === "drawn";
    leaveHidden(view, [element]);
    if (field.value !== search) field.value = search;
    const text = `Order of the list: ${orderLabel(listOrder).toLowerCase()}`;
    setAttribute(order, "aria-label", text);
    setAttribute(order, "title", text);
    order.classList.toggle("sw-changed", listOrder !== "drawn");
  });
  return element;
}

function openMenu(view: View, anchor: HTMLElement, viewScope: Scope): void {
  const { session, state } = view;
  const hasClasses = session.document.value.classes.length > 0;
  const items = LIST_ORDERS.filter((order) => order !== "class" || hasClasses).map((order) => {
    const isPresent = order === state.listOrder.value;
    const attributes = { class: "sw-item", type: "button", role: "menuitemradio", "aria-checked": String(isPresent) };
    return { order, isPresent, button: h("button", { ...attributes, "data-sw": `order-${order}` }, orderLabel(order)) };
  });
  const present = (items.find(({ isPresent }) => isPresent) ?? items[0])?.button ?? anchor;
  const menu = h("div", { class: "sw-menu", role: "menu", "aria-label": "Order of the list" });
  menu.append(...items.map(({ button }) => button));
  const scope = openPopover(view, anchor, menu, present, viewScope);
  for (const { order, button } of items) {
    scope.listen(button, "click", () => {
      scope.end();
      orderList(view, order);
    });
  }
  rove(menu, () => present, scope);
}
