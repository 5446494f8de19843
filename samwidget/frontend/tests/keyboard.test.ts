import { afterEach, describe, expect, it, vi } from "vitest";

import { keyActions } from "../src/commands/actions.ts";
import { Scope } from "../src/dom.ts";
import { actionFor, keyName, listenToKeys, SHORTCUTS, writesLetter } from "../src/keyboard.ts";
import type { Gestures } from "../src/stage/gestures.ts";
import type { View } from "../src/view.ts";

const press = (init: KeyboardEventInit) => new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init });
let scope = new Scope();

afterEach(() => {
  scope.end();
  scope = new Scope();
  document.body.replaceChildren();
});

describe("the table", () => {
  it("has no key twice", () => {
    const keys = SHORTCUTS.flatMap((shortcut) => shortcut.keys ?? []);
    expect(keys.length).toBe(new Set(keys).size);
  });

  it("has a command for each action, and a row for each command", () => {
    const bound = keyActions({ session: { settings: {} } } as View, {} as Gestures);
    const listed = SHORTCUTS.flatMap(({ action }) => action ?? []);
    expect(Object.keys(bound).sort()).toEqual(listed.sort());
  });

  it("says for every row what it does, and how", () => {
    for (const { does, keys, gesture } of SHORTCUTS) {
      expect(does).not.toBe("");
      expect(Boolean(keys?.length) !== Boolean(gesture)).toBe(true);
    }
  });
});

describe("keyName", () => {
  it.each([
    [{ key: "i" }, "I"],
    [{ key: "I", shiftKey: true }, "I"],
    [{ key: "z", ctrlKey: true }, "Ctrl+Z"],
    [{ key: "Z", metaKey: true, shiftKey: true }, "Ctrl+Shift+Z"],
    [{ key: "?", shiftKey: true }, "?"],
    [{ key: " " }, "Space"],
    [{ key: "ArrowUp", shiftKey: true }, "Shift+ArrowUp"],
    [{ key: "ш", code: "KeyI" }, "I"],
    [{ key: "1", code: "Digit1" }, "1"],
    [{ key: "!", code: "Digit1", shiftKey: true }, "Shift+1"],
    // A French keyboard has the digits on Shift, and a German one an equals sign on 0.
    [{ key: "1", code: "Digit1", shiftKey: true }, "1"],
    [{ key: "&", code: "Digit1" }, "Shift+1"],
    [{ key: "-", code: "Digit6" }, "-"],
    [{ key: "=", code: "Digit0", shiftKey: true }, "="],
  ])("%j is %s", (init, name) => expect(keyName(press(init))).toBe(name));

  it("leaves Alt to the browser, and Ctrl+letters that are not ours", () => {
    expect(actionFor(press({ key: "i", altKey: true }))).toBeUndefined();
    expect(actionFor(press({ key: "b", ctrlKey: true }))).toBeUndefined();
    expect(actionFor(press({ key: "n", metaKey: true }))).toBeUndefined();
  });
});

describe("writesLetter", () => {
  const WRITES: [KeyboardEventInit & { altGraph?: boolean }, boolean][] = [
    [{ key: "c" }, true],
    [{ key: "C", shiftKey: true }, true],
    [{ key: "é" }, true],
    [{ key: "杯" }, true],
    [{ key: "ą", ctrlKey: true, altKey: true, altGraph: true }, true],
    [{ key: "c", ctrlKey: true }, false],
    [{ key: "c", metaKey: true }, false],
    [{ key: "c", altKey: true }, false],
    [{ key: "7" }, false],
    [{ key: "_" }, false],
    [{ key: " " }, false],
    [{ key: "F2" }, false],
    [{ key: "Dead" }, false],
  ];

  it.each(WRITES)("%j: %j", ({ altGraph = false, ...init }, expected) => {
    // happy-dom takes Alt for AltGraph.
    const event = Object.assign(press(init), { getModifierState: (name: string) => name === "AltGraph" && altGraph });
    expect(writesLetter(event)).toBe(expected);
  });
});

describe("listenToKeys", () => {
  function mount(beginName?: (event: KeyboardEvent) => boolean) {
    const root = document.createElement("div");
    root.innerHTML = '<button></button><input type="text"><input type="range"><div tabindex="0"></div>';
    document.body.append(root);
    const accept = vi.fn<() => void>();
    const include = vi.fn<() => void>();
    listenToKeys(root, { accept, include }, scope, beginName);
    return { root, accept, include };
  }
  const at = (root: Element, selector: string, init: KeyboardEventInit) => {
    const event = press(init);
    root.querySelector(selector)?.dispatchEvent(event);
    return event.defaultPrevented;
  };

  it("runs the action and keeps the key from the page", () => {
    const { root, include } = mount();
    expect(at(root, "div", { key: "i" })).toBe(true);
    expect(include).toHaveBeenCalledOnce();
    expect(at(root, "div", { key: "q" })).toBe(false);
  });

  it("leaves a letter that begins a name to the field that has the focus then", () => {
    const { root, include } = mount((event) => event.key === "i");
    const page = vi.fn<() => void>();
    document.body.addEventListener("keydown", page, { once: true });
    expect(at(root, "div", { key: "i" })).toBe(false);
    expect(include).not.toHaveBeenCalled();
    expect(page).not.toHaveBeenCalled();
    document.body.dispatchEvent(press({ key: "x" }));
  });

  it("leaves text fields alone, and Enter to buttons", () => {
    const { root, accept, include } = mount();
    at(root, "input[type=text]", { key: "i" });
    at(root, "button", { key: "Enter" });
    expect(include).not.toHaveBeenCalled();
    expect(accept).not.toHaveBeenCalled();
    at(root, "input[type=range]", { key: "Enter" });
    expect(accept).toHaveBeenCalledOnce();
  });

  it("hears nothing outside, and nothing after the end", () => {
    const { root, include } = mount();
    document.body.dispatchEvent(press({ key: "i" }));
    scope.end();
    at(root, "div", { key: "i" });
    expect(include).not.toHaveBeenCalled();
  });
});
