// Classes on the screen of a real view: chips, their menu, the field that finds or adds one, and the digit keys.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { objectsPanel } from "../../src/panels/objects.ts";
import { trayPanel } from "../../src/panels/tray.ts";
import type { ObjectSummary } from "../../src/protocol.ts";
import { documentOf, OpenedView, object } from "../opened_view.ts";

const CUP = object({ name: "cup", class: "dish" });
const SPOON = object({ id: 2, name: "spoon", class: "tool" });
const TABLE = object({ id: 3, name: "table" });
const HERE = { x: 200, y: 100 };

let opened: OpenedView;
let list: HTMLElement;

beforeEach(() => {
  opened = new OpenedView();
  list = objectsPanel(opened.view, opened.scope);
  opened.view.root.append(trayPanel(opened.view, opened.scope), list);
  opened.sendMask("m1");
});

afterEach(() => opened.scope.end());

const COLOURS: Record<string, string> = { dish: "#e2572b", tool: "#1d8f6b" };
const show = (active: number | null, activeClass: string | null = null, names = ["dish", "tool"]) => {
  const objects = [CUP, SPOON, TABLE];
  const classes = names.map((name) => ({
    name,
    colour: COLOURS[name] ?? "#123456",
    count: objects.filter((object) => object.class === name).length,
  }));
  opened.fake.change("document", { ...documentOf(objects, active), classes, active_class: activeClass });
};
const all = (name: string) => [...opened.view.root.querySelectorAll<HTMLElement>(`[data-sw="${name}"]`)];
const part = (name: string) => all(name)[0] as HTMLElement;
const chips = () => all("class");
const rows = () => all("object").map((row) => row.querySelector("[data-sw=name]")?.textContent);
const select = (...ids: number[]) => {
  opened.view.state.selection.value = ids;
};
const keyIn = (element: HTMLElement, key: string) =>
  element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const write = (name: string, text: string) => {
  const field = part(name) as HTMLInputElement;
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  return field;
};

describe("the chips", () => {
  it("are there only where there are classes", () => {
    show(null, null, []);
    const bar = list.querySelector<HTMLElement>(".sw-chips");
    expect([bar?.hidden, opened.view.root.hasAttribute("data-classes")]).toEqual([true, false]);
    show(null);
    expect([bar?.hidden, opened.view.root.hasAttribute("data-classes")]).toEqual([false, true]);
  });

  it("tell name, count and digit, and mark the class of the next object", () => {
    show(null, "tool");
    expect(chips().map((chip) => chip.getAttribute("aria-label"))).toEqual([
      "dish, 1 object (1)",
      "tool, 1 object (2)",
    ]);
    expect(chips().map((chip) => chip.getAttribute("aria-pressed"))).toEqual(["false", "true"]);
  });

  it.each([
    ["of the active object", 1, [], "dish"],
    ["of none, where the active object has none", 3, [], null],
    ["that all selected objects have", null, [2], "tool"],
    ["of none, where the selected ones have several", null, [1, 2], null],
  ] as const)("mark the class %s", (_, active, ids, marked) => {
    show(active, "tool");
    select(...ids);
    const pressed = chips().filter((chip) => chip.getAttribute("aria-pressed") === "true");
    expect(pressed.map((chip) => chip.dataset.className)).toEqual(marked === null ? [] : [marked]);
  });

  it("have no digit from the tenth on, and are one stop of the Tab key", () => {
    const names = Array.from({ length: 11 }, (_, i) => `class ${i}`);
    show(null, "class 3", names);
    expect(chips().map((chip) => chip.querySelector("kbd")?.dataset.text ?? "")).toEqual([..."123456789", "", ""]);
    const stops = [...list.querySelectorAll<HTMLElement>(".sw-chips button")].filter(({ tabIndex }) => tabIndex === 0);
    expect(stops).toEqual([chips()[3]]);
  });

  it("give their class to the active object and to the next ones", () => {
    show(3);
    chips()[0]?.click();
    expect(opened.requests).toEqual([
      { kind: "set_class", objects: [3], class: "dish" },
      { kind: "activate_class", class: "dish" },
    ]);
  });

  it("give it to the selected objects, and then to nothing else", () => {
    show(null, "tool");
    select(1, 3);
    chips()[1]?.click();
    expect(opened.requests).toEqual([{ kind: "set_class", objects: [1, 3], class: "tool" }]);
    expect(opened.view.state.selection.value).toEqual([1, 3]);
  });

  it("open the menu of the class where a click would change nothing", () => {
    show(null, "tool");
    chips()[1]?.click();
    expect(part("popover").textContent).toContain("No class for the next object");
    part("class-none").click();
    expect(opened.requests).toEqual([{ kind: "activate_class", class: null }]);
    expect(all("popover")).toEqual([]);
  });
});

describe("the menu of a class", () => {
  const open = (index: number) =>
    chips()[index]?.dispatchEvent(new MouseEvent("contextmenu", { bubbles: true, cancelable: true }));

  it("opens in the place of the notebook's own menu", () => {
    show(null);
    const notebook = vi.fn();
    document.addEventListener("contextmenu", notebook, { once: true });
    expect(open(1)).toBe(false);
    expect(notebook).not.toHaveBeenCalled();
    document.removeEventListener("contextmenu", notebook);
  });

  it("shows only this class in the list and on the photo, and all again", () => {
    show(null);
    open(1);
    part("class-only").click();
    expect([rows(), part("count").textContent]).toEqual([["spoon"], "1 of 3"]);
    expect(opened.view.state.shownDocument.value.objects.map(({ visible }) => visible)).toEqual([false, true, false]);
    open(1);
    part("class-only").click();
    expect(rows()).toEqual(["cup", "spoon", "table"]);
  });

  it("keeps the active object in sight, and ends with its class", () => {
    show(3);
    open(0);
    part("class-only").click();
    expect(rows()).toEqual(["cup", "table"]);
    show(3, null, ["tool"]);
    expect(rows()).toEqual(["cup", "spoon", "table"]);
  });

  it("renames and deletes", () => {
    show(null);
    open(0);
    part("class-rename").click();
    keyIn(write("class-name-field", " plate "), "Enter");
    open(1);
    part("class-delete").click();
    expect(opened.requests).toEqual([
      { kind: "rename_class", class: "dish", name: "plate" },
      { kind: "delete_class", class: "tool" },
    ]);
  });

  it("moves with the arrow keys, and ends with Escape where the user was", () => {
    show(null);
    chips()[0]?.focus();
    open(0);
    expect(document.activeElement).toBe(part("class-only"));
    keyIn(part("class-only"), "ArrowDown");
    expect(document.activeElement).toBe(part("class-rename"));
    keyIn(part("class-rename"), "Escape");
    expect([all("popover"), document.activeElement]).toEqual([[], chips()[0]]);
  });
});

describe("the field for a class", () => {
  it("opens by its key and by +, and takes the first class that fits", () => {
    show(3);
    opened.key("/");
    keyIn(write("class-field", "to"), "Enter");
    expect(opened.requests[0]).toEqual({ kind: "set_class", objects: [3], class: "tool" });
    expect([all("popover"), document.activeElement]).toEqual([[], opened.stage]);
  });

  it("adds a class that is not there, and offers it last", () => {
    show(null);
    all("class-add").at(-1)?.click();
    write("class-field", "o");
    expect(all("class-option").map(({ textContent }) => textContent)).toEqual(["tool", "Add “o”"]);
    keyIn(part("class-field"), "ArrowUp");
    keyIn(part("class-field"), "Enter");
    expect(opened.requests).toEqual([
      { kind: "add_class", name: "o" },
      { kind: "activate_class", class: "o" },
    ]);
  });

  it("begins a list of classes where there is none", () => {
    show(3, null, []);
    opened.key("/");
    keyIn(write("class-field", "cat"), "Enter");
    expect(opened.requests).toEqual([
      { kind: "set_class", objects: [3], class: "cat" },
      { kind: "activate_class", class: "cat" },
    ]);
  });

  it("takes the class away", () => {
    show(1);
    opened.key("/");
    const none = all("class-option").at(-1);
    expect(none?.textContent).toBe("No class");
    none?.click();
    expect(opened.requests).toEqual([{ kind: "set_class", objects: [1], class: null }]);
  });

  it("changes nothing on Escape, on Enter in the empty field, and when the user goes elsewhere", () => {
    show(1);
    opened.key("/");
    keyIn(part("class-field"), "Escape");
    opened.key("/");
    keyIn(part("class-field"), "Enter");
    opened.key("/");
    opened.view.root.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
    expect([all("popover"), opened.requests]).toEqual([[], []]);
    expect(opened.view.state.isChoosingClass.value).toBe(false);
  });

  it("writes a class with markup as text", () => {
    show(null, null, ["<img src=x onerror=alert(1)>"]);
    opened.key("/");
    expect([part("class-option").textContent, opened.view.root.querySelector("img")]).toEqual([
      "<img src=x onerror=alert(1)>",
      null,
    ]);
  });
});

describe("a digit", () => {
  const digit = (key: string, init: KeyboardEventInit = {}) => opened.key(key, { code: `Digit${key}`, ...init });

  it("gives the class with this digit; the same one again changes nothing", () => {
    show(3);
    digit("2");
    expect(opened.requests).toEqual([
      { kind: "set_class", objects: [3], class: "tool" },
      { kind: "activate_class", class: "tool" },
    ]);
    digit("2");
    expect(opened.requests.slice(2)).toEqual([{ kind: "set_class", objects: [3], class: "tool" }]);
  });

  it("gives it to an object that the kernel has not made yet", () => {
    show(null);
    opened.click(HERE);
    digit("1");
    expect(opened.requests.slice(1)).toEqual([
      { kind: "set_class", objects: null, class: "dish" },
      { kind: "activate_class", class: "dish" },
    ]);
  });

  it("keeps the reason why its click made no object on the screen", () => {
    show(null);
    opened.click(HERE);
    digit("1");
    const [point, choice] = opened.fake.sent;
    const error = { kind: "error", hint: "" };
    opened.fake.receive({ ...error, re: point?.id, code: "model", message: "There is no model." });
    opened.fake.receive({ ...error, re: choice?.id, code: "prompt", message: "No object is active." });
    expect(opened.session.failure.value?.message).toBe("There is no model.");
  });

  it("chooses the class of the next object where none is active", () => {
    show(null);
    digit("1");
    digit("7");
    expect(opened.requests).toEqual([{ kind: "activate_class", class: "dish" }]);
  });

  const CANDIDATES = [0.9, 0.8, 0.7].map((score) => ({ mask: "m1", score }));
  const withCandidates = (names: string[]) => {
    show(1, null, names);
    opened.fake.change("document", { ...opened.fake.traits.document, candidates: CANDIDATES });
  };

  it("shows a candidate where there are no classes; with Shift always", () => {
    withCandidates([]);
    digit("3");
    opened.key("!", { code: "Digit1", shiftKey: true });
    expect(opened.requests).toEqual([
      { kind: "choose", level: 2 },
      { kind: "choose", level: 0 },
    ]);
    withCandidates(["dish"]);
    opened.key("@", { code: "Digit2", shiftKey: true });
    expect(opened.last).toEqual({ kind: "choose", level: 1 });
  });

  it("is a part of the name while one is written", () => {
    show(3);
    opened.type("a2");
    expect([opened.field?.value, opened.requests]).toEqual(["a2", []]);
  });
});

describe("the class in a row", () => {
  const cell = (index: number) => all("object-class")[index] as HTMLElement;

  it("is its name, with marks of a hidden and of a locked object", () => {
    show(null);
    expect([cell(0).textContent, cell(2).textContent]).toEqual(["dish", ""]);
    const hidden: ObjectSummary = { ...CUP, visible: false, locked: true };
    opened.fake.change("document", { ...opened.fake.traits.document, objects: [hidden] });
    expect(cell(0).querySelectorAll("svg").length).toBe(2);
  });
});
