// Several objects at once: how they are selected in the list and on the photo, and what is done with them.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { objectsPanel } from "../../src/panels/objects.ts";
import { OpenedView, object } from "../opened_view.ts";

const OBJECTS = [1, 2, 3, 4].map((id) => object({ id, name: `coin ${id}`, mask: `m${id}` }));

let opened: OpenedView;
let list: HTMLElement;

beforeEach(() => {
  opened = new OpenedView();
  list = objectsPanel(opened.view, opened.scope);
  opened.view.root.append(list);
  for (const { mask } of OBJECTS) opened.sendMask(mask);
  opened.show(OBJECTS, null);
});

afterEach(() => opened.scope.end());

const part = (name: string) => list.querySelector<HTMLElement>(`[data-sw="${name}"]`) as HTMLElement;
const row = (id: number) => list.querySelector<HTMLElement>(`[data-object-id="${id}"]`) as HTMLElement;
const main = (id: number) => row(id).querySelector<HTMLElement>(".sw-row-main") as HTMLElement;
const click = (id: number, init: PointerEventInit = {}) =>
  main(id).dispatchEvent(new PointerEvent("click", { bubbles: true, detail: 1, ...init }));
const press = (id: number, key: string, init: KeyboardEventInit = {}) =>
  main(id).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...init }));
const selected = () => opened.view.state.selection.value;
const marked = () => OBJECTS.filter(({ id }) => row(id).classList.contains("sw-selected")).map(({ id }) => id);

describe("rows are selected", () => {
  it("one more with Ctrl or Cmd, and taken out again", () => {
    click(3, { ctrlKey: true });
    click(1, { metaKey: true });
    expect([selected(), marked(), main(1).getAttribute("aria-pressed")]).toEqual([[3, 1], [1, 3], "true"]);
    click(3, { ctrlKey: true });
    expect([selected(), opened.requests]).toEqual([[1], []]);
  });

  it("with the active object as the first", () => {
    opened.show(OBJECTS, 2);
    click(4, { ctrlKey: true });
    expect(selected()).toEqual([2, 4]);
  });

  it("from the first to this one with Shift", () => {
    click(3, { ctrlKey: true });
    click(1, { shiftKey: true });
    expect(selected()).toEqual([3, 2, 1]);
    click(4, { shiftKey: true });
    expect(selected()).toEqual([3, 4]);
  });

  it("by Shift and the arrow keys, which alone move the focus", () => {
    main(1).focus();
    press(1, "ArrowDown");
    expect([document.activeElement, selected()]).toEqual([main(2), []]);
    press(2, "ArrowDown", { shiftKey: true });
    press(3, "ArrowDown", { shiftKey: true });
    press(4, "ArrowDown", { shiftKey: true });
    expect(selected()).toEqual([2, 3, 4]);
    press(4, " ", { ctrlKey: true });
    expect(selected()).toEqual([2, 3]);
  });

  it("all by Ctrl+A; Escape ends it, and so does going on with something else", () => {
    opened.key("a", { ctrlKey: true });
    expect(selected()).toEqual([1, 2, 3, 4]);
    opened.key("Escape");
    expect(selected()).toEqual([]);
    opened.key("a", { ctrlKey: true });
    opened.click({ x: 200, y: 100 });
    expect([selected(), opened.last?.kind]).toEqual([[], "add_point"]);
    opened.key("a", { ctrlKey: true });
    click(1);
    expect([selected(), opened.last]).toEqual([[], { kind: "select", object: 1 }]);
  });

  it("by a finger that stays; then taps select more", () => {
    vi.useFakeTimers();
    const touch = { pointerType: "touch" };
    const down = (id: number) => main(id).dispatchEvent(new PointerEvent("pointerdown", { bubbles: true, ...touch }));
    const up = (id: number) => main(id).dispatchEvent(new PointerEvent("pointerup", { bubbles: true, ...touch }));
    down(2);
    vi.advanceTimersByTime(200);
    up(2);
    vi.advanceTimersByTime(1000);
    expect(selected()).toEqual([]);
    down(2);
    vi.advanceTimersByTime(500);
    up(2);
    click(2, touch);
    expect([selected(), opened.requests]).toEqual([[2], []]);
    down(4);
    up(4);
    click(4, touch);
    expect(selected()).toEqual([2, 4]);
    vi.useRealTimers();
  });

  it("on the photo by the select tool with Shift or Ctrl", () => {
    const INSIDE = { x: 55, y: 100 };
    opened.fake.change("tool", "select");
    opened.click(INSIDE, { shiftKey: true });
    expect([selected(), opened.requests]).toEqual([[4], []]);
    opened.click(INSIDE, { ctrlKey: true });
    expect(selected()).toEqual([]);
  });

  it("as long as they are there", () => {
    click(3, { ctrlKey: true });
    click(1, { ctrlKey: true });
    opened.show(OBJECTS.slice(0, 2), null);
    expect(selected()).toEqual([1]);
  });
});

describe("a click on the active row", () => {
  it("ends the selection first, and names the object after that", () => {
    opened.show(OBJECTS, 2);
    click(4, { ctrlKey: true });
    click(2);
    expect([selected(), opened.field]).toEqual([[], null]);
    click(2);
    expect(opened.field?.value).toBe("coin 2");
  });
});

describe("with a selection", () => {
  const select = (...ids: number[]) => {
    opened.view.state.selection.value = ids;
  };
  const visible = () =>
    [...part("selection").querySelectorAll<HTMLElement>("button")]
      .filter(({ hidden }) => !hidden)
      .map((b) => b.textContent);

  it("the buttons are there, for one or for several", () => {
    expect(part("selection").hidden).toBe(true);
    select(1);
    expect([part("selection").hidden, visible()]).toEqual([false, ["Split", "", "Class", "Delete", "", ""]]);
    select(1, 2);
    expect(visible()).toEqual(["Merge", "Subtract", "", "Class", "Delete", "", ""]);
    expect(part("selection-to-front").title).toBe("Bring to the front (Home)");
    expect(part("selection-subtract").title).toBe("Take coin 2 away from coin 1 (S)");
  });

  it.each([
    ["merge", "m", [2, 1], { kind: "merge", objects: [2, 1] }],
    ["subtract", "s", [2, 1, 4], { kind: "subtract", object: 2, others: [1, 4] }],
    ["split", "k", [3], { kind: "split", object: 3 }],
    ["delete", "Delete", [3, 1], { kind: "delete_objects", objects: [3, 1] }],
  ])("%s is a button and the key %s; it ends the selection", (action, key, ids, request) => {
    select(...ids);
    part(`selection-${action}`).click();
    expect([opened.requests, selected()]).toEqual([[request], []]);
    select(...ids);
    opened.key(key);
    expect(opened.requests).toEqual([request, request]);
  });

  it.each(["front", "back"] as const)("the %s is a button and a key, which keep the selection", (to) => {
    const request = { kind: "reorder", objects: [1, 3], to };
    select(3, 1);
    part(`selection-to-${to}`).click();
    opened.key(to === "front" ? "Home" : "End");
    expect([opened.requests, selected()]).toEqual([
      [request, request],
      [3, 1],
    ]);
  });

  it("letters are keys, and not the name of the active object", () => {
    opened.show(OBJECTS, 2);
    select(2, 3);
    opened.key("m");
    expect([opened.field, opened.last]).toEqual([null, { kind: "merge", objects: [2, 3] }]);
  });

  it("Ctrl+L locks all, and unlocks them where all are locked", () => {
    select(1, 2);
    opened.key("l", { ctrlKey: true });
    expect(opened.last).toEqual({ kind: "set_locked", objects: [1, 2], locked: true });
    opened.show(
      OBJECTS.map((item) => ({ ...item, locked: true })),
      null,
    );
    opened.key("l", { ctrlKey: true });
    expect(opened.last).toEqual({ kind: "set_locked", objects: [1, 2], locked: false });
  });

  it("without one, the keys do nothing, and Delete deletes the active object", () => {
    for (const key of ["m", "s", "k", "Delete", "Home"]) opened.key(key);
    expect(opened.requests).toEqual([]);
    opened.show(OBJECTS, 2);
    opened.key("Delete");
    expect(opened.requests).toEqual([{ kind: "delete", object: 2 }]);
  });
});

describe("the lock of a row", () => {
  it("locks and unlocks, and says so", () => {
    const lock = () => row(1).querySelector<HTMLElement>("[data-sw=lock]") as HTMLElement;
    lock().click();
    opened.show([object({ locked: true }), ...OBJECTS.slice(1)], null);
    expect(lock().getAttribute("aria-label")).toBe("Unlock cup");
    lock().click();
    expect(opened.requests).toEqual([
      { kind: "set_locked", objects: [1], locked: true },
      { kind: "set_locked", objects: [1], locked: false },
    ]);
  });
});

describe("what looks like the selected objects", () => {
  it("is searched by a button below the list", () => {
    click(3, { ctrlKey: true });
    click(1, { ctrlKey: true });
    expect(part("selection-similar").title).toBe("Find objects like these (.)");
    part("selection-similar").click();
    expect(opened.requests.at(-1)).toMatchObject({ kind: "find_similar", objects: [3, 1], excluded: [] });
  });
});
