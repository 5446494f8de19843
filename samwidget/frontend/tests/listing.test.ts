// Which objects the list shows, and in which order.

import { describe, expect, it } from "vitest";

import { type Listing, type ListOrder, listed } from "../src/listing.ts";
import { documentOf, object } from "./opened_view.ts";

const OBJECTS = [
  object({ id: 1, name: "coin 10", class: "large", area: 30, score: 0.9 }),
  object({ id: 2, name: "coin 2", class: null, area: 10, score: null }),
  object({ id: 3, name: "Äpfel", class: "fruit", area: 20, score: 0.4 }),
  object({ id: 4, name: "object 4", class: "large", area: 40, score: 0.7 }),
];
const ALL: Listing = { shownClass: null, search: "", order: "drawn" };
const ids = (changes: Partial<Listing>, active: number | null = null) =>
  listed(documentOf(OBJECTS, active), { ...ALL, ...changes }).map(({ id }) => id);

describe("the search", () => {
  it.each([
    ["", [1, 2, 3, 4]],
    ["  ", [1, 2, 3, 4]],
    ["COIN", [1, 2]],
    ["coin large", [1]],
    ["äp", [3]],
    ["arg", [1, 4]],
    ["0 c", [1]],
    ["cup", []],
    // A word is in the name or in the class, not half in each.
    ["10large", []],
  ])("%j finds %j", (search, found) => expect(ids({ search })).toEqual(found));

  it("looks among the objects of the only class that is shown", () =>
    expect(ids({ search: "object", shownClass: "large" })).toEqual([4]));

  it("leaves the active object in the list", () => {
    expect(ids({ search: "cup" }, 2)).toEqual([2]);
    expect(ids({ shownClass: "fruit" }, 2)).toEqual([2, 3]);
  });
});

describe("the order", () => {
  const ORDERS: [ListOrder, number[]][] = [
    ["drawn", [1, 2, 3, 4]],
    ["name", [3, 2, 1, 4]],
    ["class", [3, 1, 4, 2]],
    ["area", [4, 1, 3, 2]],
    ["score", [3, 4, 1, 2]],
  ];
  it.each(ORDERS)("%s is %j", (order, found) => expect(ids({ order })).toEqual(found));
});
