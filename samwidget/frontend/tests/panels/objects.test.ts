// The list of objects beside a real view: naming in a row, and what the list and the photo show of each other.

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { objectsPanel } from "../../src/panels/objects.ts";
import type { ObjectSummary } from "../../src/protocol.ts";
import { takeCalls } from "../fakes.ts";
import { OpenedView, object } from "../opened_view.ts";

const CUP = object({ name: "cup" });
const SPOON = object({ id: 2, name: "spoon", mask: "m2", box: [246, 93, 266, 108] });

let opened: OpenedView;
let list: HTMLElement;

beforeEach(() => {
  opened = new OpenedView();
  list = objectsPanel(opened.view, opened.scope);
  opened.view.root.append(list);
  for (const id of ["m1", "m2"]) opened.sendMask(id);
});

afterEach(() => opened.scope.end());

const show = (active: number | null, objects: ObjectSummary[] = [CUP, SPOON]) => opened.show(objects, active);
const row = (index: number) => list.querySelectorAll<HTMLElement>('[data-sw="object"]')[index] as HTMLElement;
const name = (index: number) => row(index).querySelector<HTMLElement>('[data-sw="name"]') as HTMLElement;
const field = (index: number) => row(index).querySelector<HTMLInputElement>('[data-sw="name-field"]');

/** Clicks an element as a pointer does, or as Enter does on a button. */
const click = (element: HTMLElement, detail = 1) =>
  element.dispatchEvent(new MouseEvent("click", { bubbles: true, detail }));
const doubleClick = (element: HTMLElement) => {
  click(element, 1);
  click(element, 2);
  element.dispatchEvent(new MouseEvent("dblclick", { bubbles: true, detail: 2 }));
};
const write = (index: number, text: string, key: string) => {
  const input = field(index);
  if (!input) throw new Error("no field is open");
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
};

describe("a row", () => {
  it("selects its object; clicked again, as a finger does, it opens the field for its name", () => {
    show(null);
    click(name(0));
    expect(opened.requests).toEqual([{ kind: "select", object: 1 }]);
    expect(field(0)).toBeNull();
    click(name(0));
    expect(field(0)?.value).toBe("cup");
    write(0, "mug", "Enter");
    expect(opened.requests.slice(1)).toEqual([{ kind: "rename", object: 1, name: "mug" }, { kind: "accept" }]);
    expect(field(0)).toBeNull();
    expect(document.activeElement).toBe(opened.stage);
  });

  it("opens one field on a double click, of whatever object, while the answer of a click is on its way", () => {
    show(2);
    opened.click({ x: 200, y: 100 });
    doubleClick(name(0));
    expect(list.querySelectorAll('[data-sw="name-field"]').length).toBe(1);
    opened.show([CUP, SPOON, object({ id: 3, name: "object 3", mask: "m2" })], 3);
    expect(document.activeElement).toBe(field(0));
    write(0, "mug", "Enter");
    expect(opened.requests.slice(1)).toEqual([
      { kind: "select", object: 1 },
      { kind: "rename", object: 1, name: "mug" },
      { kind: "accept" },
    ]);
  });

  it("leaves the name as it is on Escape", () => {
    show(1);
    doubleClick(name(0));
    write(0, "mug", "Escape");
    expect([opened.requests, field(0), row(0).querySelector<HTMLElement>(".sw-row-main")?.hidden]).toEqual([
      [],
      null,
      false,
    ]);
  });

  it("loses its field with its object, and the photo has the focus", () => {
    show(1);
    click(name(0));
    show(null, [SPOON]);
    expect([opened.view.state.naming.value, document.activeElement]).toEqual([null, opened.stage]);
  });

  it("has Enter for accepting when its object is active", () => {
    show(1);
    click(name(0), 0);
    expect(opened.requests).toEqual([{ kind: "accept" }]);
  });

  it("keeps its two buttons", () => {
    show(1);
    click(row(0).querySelector(".sw-eye") as HTMLElement);
    click(row(1).querySelector(".sw-trash") as HTMLElement);
    expect(opened.requests).toEqual([
      { kind: "set_visible", object: 1, visible: false },
      { kind: "delete", object: 2 },
    ]);
    expect(opened.field).toBeNull();
  });
});

describe("the pointed object", () => {
  const pointed = () => opened.view.state.pointedObject.value;
  const isMarked = (index: number) => row(index).classList.contains("sw-pointed");
  const over = (element: HTMLElement, pointerType = "mouse") =>
    element.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType }));
  // Inside the mask of both objects, of which the later one is on top.
  const INSIDE = { x: 55, y: 100 };

  it("is that of the row under the pointer", () => {
    show(null);
    over(name(0));
    expect([pointed(), isMarked(0), isMarked(1)]).toEqual([1, true, false]);
    over(name(1));
    expect([pointed(), isMarked(0), isMarked(1)]).toEqual([2, false, true]);
    list.querySelector(".sw-rows")?.dispatchEvent(new PointerEvent("pointerleave"));
    expect([pointed(), isMarked(1)]).toEqual([null, false]);
  });

  it("is that of the mask under the pointer, and not during a gesture or a choice", () => {
    show(null);
    opened.pointer("move", INSIDE);
    expect([pointed(), isMarked(1)]).toEqual([2, true]);
    opened.view.state.isGesturing.value = true;
    expect(pointed()).toBeNull();
    opened.view.state.isGesturing.value = false;
    opened.session.everything.phase.value = "done";
    expect(pointed()).toBeNull();
  });

  it("is not what a finger has touched in passing", () => {
    show(null);
    over(name(0), "touch");
    expect(pointed()).toBeNull();
  });

  it("has its name on the photo, unless it is being refined there", () => {
    const overlay = opened.stage.querySelectorAll<HTMLCanvasElement>("canvas").item(3) as HTMLCanvasElement;
    const texts = () => {
      takeCalls(overlay);
      opened.drawFrame();
      return takeCalls(overlay).flatMap(([method, text]) => (method === "fillText" ? [text] : []));
    };
    show(null);
    opened.pointer("move", INSIDE);
    expect(texts()).toEqual(["spoon"]);
    show(2);
    expect(texts()).toEqual([]);
    over(name(1));
    expect(texts()).toEqual(["spoon"]);
    opened.view.state.areNamesShown.value = true;
    expect(texts().sort()).toEqual(["cup", "spoon"]);
    show(2, [{ ...CUP, visible: false }, SPOON]);
    expect(texts()).toEqual(["spoon"]);
    const unnamed = { ...CUP, name: "object 1", class: "dish" };
    show(null, [unnamed, { ...SPOON, class: "tool" }]);
    expect(texts().sort()).toEqual(["dish", "spoon · tool"]);
  });
});

it("of names that would cover each other, the pointed or the larger object's is drawn", () => {
  const overlay = opened.stage.querySelectorAll<HTMLCanvasElement>("canvas").item(3) as HTMLCanvasElement;
  const texts = () => {
    takeCalls(overlay);
    opened.drawFrame();
    return takeCalls(overlay).flatMap(([method, text]) => (method === "fillText" ? [text] : []));
  };
  const PLATE = object({ id: 3, name: "plate", area: 900 });
  show(null, [CUP, PLATE, SPOON]);
  opened.view.state.areNamesShown.value = true;
  expect(texts()).toEqual(["plate", "spoon"]);
  opened.view.state.pointedRow.value = 1;
  expect(texts()).toEqual(["cup", "spoon"]);
});

describe("the list", () => {
  it("scrolls until the active row is in sight, and no further", () => {
    const scroller = list.querySelector<HTMLElement>(".sw-scroll") as HTMLElement;
    const many = Array.from({ length: 30 }, (_, i) => object({ id: i + 1, name: `coin ${i + 1}` }));
    const ROW = 50;
    scroller.getBoundingClientRect = () => new DOMRect(0, 100, 200, 200);
    show(null, many);
    for (const [i, element] of [...list.querySelectorAll<HTMLElement>(".sw-row")].entries()) {
      element.getBoundingClientRect = () => new DOMRect(0, 100 + i * ROW - scroller.scrollTop, 200, ROW);
    }
    show(30, many);
    expect(scroller.scrollTop).toBe(30 * ROW - 200);
    show(28, many);
    expect(scroller.scrollTop).toBe(30 * ROW - 200);
    show(1, many);
    expect(scroller.scrollTop).toBe(0);
    scroller.scrollTop = 400;
    row(10)
      .querySelector("button")
      ?.dispatchEvent(new MouseEvent("click", { bubbles: true, ctrlKey: true }));
    expect([opened.view.state.selection.value, scroller.scrollTop]).toEqual([[1, 11], 400]);
    scroller.scrollTop = 0;
    show(null, many);
    expect(scroller.scrollTop).toBe(0);
    // A mask under the pointer brings its row into sight; a row under the pointer stays where it is.
    opened.pointer("move", { x: 55, y: 100 });
    expect([opened.view.state.pointedObject.value, scroller.scrollTop]).toEqual([30, 30 * ROW - 200]);
    name(0).dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType: "mouse" }));
    expect([opened.view.state.pointedObject.value, scroller.scrollTop]).toEqual([1, 30 * ROW - 200]);
  });
});
