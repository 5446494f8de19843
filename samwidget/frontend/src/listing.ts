// Which objects the list shows, and in which order. Pure functions; the view's state has the choices of the user, and
// panels/find.ts asks for them.

import type { DocumentSummary, ObjectSummary } from "./protocol.ts";

/** The orders of the list: what the menu says, and how two objects compare; equal ones stay as they are drawn. */
const ORDERS = {
  drawn: { label: "As drawn, the top one last", compare: null },
  name: { label: "Name", compare: (a: ObjectSummary, b: ObjectSummary) => collator.compare(a.name, b.name) },
  // Objects without a class come last.
  class: {
    label: "Class",
    compare: (a: ObjectSummary, b: ObjectSummary) =>
      Number(a.class === null) - Number(b.class === null) || collator.compare(a.class ?? "", b.class ?? ""),
  },
  area: { label: "Area, largest first", compare: (a: ObjectSummary, b: ObjectSummary) => b.area - a.area },
  // The lowest first: these are worth a look. A mask that no model made has none.
  score: {
    label: "Score, lowest first",
    compare: (a: ObjectSummary, b: ObjectSummary) => (a.score ?? 2) - (b.score ?? 2),
  },
} as const;

export type ListOrder = keyof typeof ORDERS;
export const LIST_ORDERS = Object.keys(ORDERS) as ListOrder[];

/** A list with more objects has a field for the search. */
export const LONG_LIST = 8;

/** "coin 2" before "coin 10". */
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

export interface Listing {
  /** The only class that is shown; null shows all. */
  shownClass: string | null;
  /** What was typed to find objects. */
  search: string;
  order: ListOrder;
}

export function orderLabel(order: ListOrder): string {
  return ORDERS[order].label;
}

/** The objects of the list from top to bottom: those of the class that match the search, and always the active one. */
export function listed({ objects, active }: DocumentSummary, { shownClass, search, order }: Listing): ObjectSummary[] {
  const words = search.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const isListed = (object: ObjectSummary) =>
    object.id === active || ((shownClass === null || object.class === shownClass) && matches(object, words));
  const ofList = objects.filter(isListed);
  const { compare } = ORDERS[order];
  return compare ? ofList.sort(compare) : ofList;
}

/** Whether each of `words`, lower case, is in the name or the class. */
function matches({ name, class: class_ }: ObjectSummary, words: readonly string[]): boolean {
  const text = `${name}\n${class_ ?? ""}`.toLocaleLowerCase();
  return words.every((word) => text.includes(word));
}
