// Commands for the list alone: which objects it shows, and in which order. The photo shows all of them.

import type { ListOrder } from "../listing.ts";
import type { View } from "../view.ts";

/** Moves the keyboard to the field that finds objects; false where the list has none. */
export function startFind({ root }: View): boolean {
  const field = root.querySelector<HTMLInputElement>('[data-sw="search"]');
  if (!field || field.closest("[hidden]")) return false;
  field.focus({ preventScroll: true });
  field.select();
  return true;
}

/** Lists the objects whose name or class has each word of `text`; what it hides is not selected any more. */
export function findInList({ state }: View, text: string): void {
  state.search.value = text;
  const ids = new Set(state.listed.value.map(({ id }) => id));
  if (!state.selection.value.every((id) => ids.has(id))) {
    state.selection.value = state.selection.value.filter((id) => ids.has(id));
  }
}

export function orderList({ state }: View, order: ListOrder): void {
  state.listOrder.value = order;
}
