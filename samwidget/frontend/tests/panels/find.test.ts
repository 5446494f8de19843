// The field that finds objects of a long list, and the order of the list.

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { objectsPanel } from "../../src/panels/objects.ts";
import { documentOf, OpenedView, object } from "../opened_view.ts";

const COUNT = 9;
const OBJECTS = Array.from({ length: COUNT }, (_, i) =>
  object({ id: i + 1, name: `coin ${i + 1}`, area: 10 * (i + 1), class: i < 3 ? "small" : null }),
);

let opened: OpenedView;
let list: HTMLElement;

beforeEach(() => {
  opened = new OpenedView();
  list = objectsPanel(opened.view, opened.scope);
  opened.view.root.append(list);
  show();
});

afterEach(() => opened.scope.end());

const show = (objects = OBJECTS, active: number | null = null) => {
  const classes = [{ name: "small", colour: "#e2572b", count: 3 }];
  opened.fake.change("document", { ...documentOf(objects, active), classes });
};
const part = (name: string) => opened.view.root.querySelector<HTMLElement>(`[data-sw="${name}"]`) as HTMLElement;
const field = () => part("search") as HTMLInputElement;
const ids = () => [...list.querySelectorAll<HTMLElement>(".sw-row")].map(({ dataset }) => Number(dataset.objectId));
const write = (text: string) => {
  field().value = text;
  field().dispatchEvent(new Event("input", { bubbles: true }));
};
const press = (key: string) => field().dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const choose = (order: string) => {
  part("order").click();
  part(`order-${order}`).click();
};
const isShown = () => !(field().parentElement as HTMLElement).hidden;

describe("the field", () => {
  it("is there for a long list alone, and as long as it hides something", () => {
    expect(isShown()).toBe(true);
    show(OBJECTS.slice(1));
    expect(isShown()).toBe(false);
    show();
    write("coin 9");
    show(OBJECTS.slice(1));
    expect(isShown()).toBe(true);
    write("");
    expect(isShown()).toBe(false);
  });

  it("finds as one types; what it hides is not selected any more", () => {
    opened.view.state.selection.value = [1, 5];
    write("small");
    expect([ids(), part("count").textContent, opened.view.state.selection.value]).toEqual([[1, 2, 3], "3 of 9", [1]]);
    write("cup");
    expect([ids(), part("empty").textContent]).toEqual([[], "No name and no class has “cup”."]);
    expect([opened.view.state.selection.value, opened.requests]).toEqual([[], []]);
  });

  it("opens with Ctrl+F; where there is none, the key is the notebook's", () => {
    expect(opened.key("f", { ctrlKey: true })).toBe(false);
    expect(document.activeElement).toBe(field());
    show(OBJECTS.slice(1));
    expect(document.activeElement).toBe(opened.stage);
    expect(opened.key("f", { ctrlKey: true })).toBe(true);
  });

  it("goes to the first row with Enter, and back to the photo with Escape, which empties it first", () => {
    field().focus();
    write("small");
    press("Enter");
    expect(document.activeElement).toBe(list.querySelector(".sw-row-main"));
    field().focus();
    press("Escape");
    expect([field().value, document.activeElement, ids().length]).toEqual(["", field(), COUNT]);
    press("Escape");
    expect(document.activeElement).toBe(opened.stage);
  });

  it("has what is found for Ctrl+A, and for the keys of neighbours", () => {
    write("small");
    opened.key("a", { ctrlKey: true });
    expect(opened.view.state.selection.value).toEqual([1, 2, 3]);
    opened.key("Escape");
    opened.key("[");
    expect(opened.last).toEqual({ kind: "select", object: 3 });
  });
});

describe("the order", () => {
  it("is chosen in a menu, and stays", () => {
    choose("area");
    expect(ids()).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(part("order").title).toBe("Order of the list: area, largest first");
    show([...OBJECTS.slice(1), object({ id: 10, area: 75, name: "new" })]);
    expect(ids()).toEqual([9, 8, 10, 7, 6, 5, 4, 3, 2]);
    choose("drawn");
    expect(ids()).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("of classes is offered where there are some", () => {
    opened.show(OBJECTS);
    part("order").click();
    expect(part("order-class")).toBeNull();
    expect(part("order-drawn").getAttribute("aria-checked")).toBe("true");
  });
});
