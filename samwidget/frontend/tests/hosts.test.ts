// What the view does for the programs that show it: it follows their theme, and in marimo it makes cells run again.

import { signal } from "@preact/signals-core";
import { afterEach, describe, expect, it, vi } from "vitest";

import { Scope } from "../src/dom.ts";
import { watchTheme } from "../src/theme.ts";
import { runMarimoCells, type ThemeName, watchDocument } from "../src/traits.ts";
import { FakeModel } from "./fakes.ts";

let scope = new Scope();

afterEach(() => {
  scope.end();
  scope = new Scope();
  vi.useRealTimers();
  for (const element of [document.documentElement, document.body]) {
    for (const name of element.getAttributeNames()) element.removeAttribute(name);
  }
  document.body.replaceChildren();
});

function preferDark(isDark: boolean): void {
  vi.spyOn(globalThis, "matchMedia").mockReturnValue(
    Object.assign(new EventTarget(), { matches: isDark }) as MediaQueryList,
  );
}

function theme(view: Element = document.createElement("div"), setting: ThemeName = "auto") {
  return watchTheme(signal(setting), view, scope);
}

describe("theme", () => {
  it.each([
    ["body", "data-jp-theme-light", "false", "dark"],
    ["body", "data-jp-theme-light", "true", "light"],
    ["body", "class", "vscode-dark", "dark"],
    ["body", "class", "vscode-light", "light"],
    ["body", "class", "dark dark-theme", "dark"],
    ["html", "class", "dark", "dark"],
    ["html", "theme", "dark", "dark"],
    ["html", "data-bs-theme", "dark", "dark"],
    ["html", "data-bs-theme", "light", "light"],
    ["html", "data-theme", "dark", "dark"],
  ])("%s %s=%s is %s, whatever the system prefers", (where, name, value, expected) => {
    preferDark(expected === "light");
    (where === "body" ? document.body : document.documentElement).setAttribute(name, value);
    expect(theme().value).toBe(expected);
  });

  it.each([
    ["rgb(255, 255, 255)", "light"],
    ["rgb(20, 22, 26)", "dark"],
    ["rgba(0, 0, 0, 0)", "light"],
  ])("of a page that marks none: %s is %s", (background, expected) => {
    preferDark(true);
    document.body.style.backgroundColor = background;
    const view = document.body.appendChild(document.createElement("div"));
    expect(theme(view).value).toBe(expected);
  });

  it("is that of the nearest background, also around a shadow tree", () => {
    preferDark(false);
    const card = document.body.appendChild(document.createElement("div"));
    card.style.backgroundColor = "rgb(10, 10, 10)";
    const view = document.createElement("div");
    card.appendChild(document.createElement("div")).attachShadow({ mode: "open" }).append(view);
    expect(theme(view).value).toBe("dark");
  });

  it("is what the user sets", () => {
    preferDark(true);
    document.body.setAttribute("data-jp-theme-light", "false");
    expect(theme(document.body, "light").value).toBe("light");
  });

  it("follows the host", async () => {
    document.documentElement.setAttribute("data-bs-theme", "light");
    const followed = theme();
    document.documentElement.setAttribute("data-bs-theme", "dark");
    await vi.waitFor(() => expect(followed.value).toBe("dark"));
  });
});

describe("marimo", () => {
  const changed = (revision: number) => ({ ...new FakeModel().traits.document, revision });

  function open() {
    vi.useFakeTimers();
    const fake = new FakeModel();
    runMarimoCells(fake.model, watchDocument(fake.model, scope), scope);
    return fake;
  }

  it("elsewhere nothing is written", () => {
    const fake = open();
    fake.change("document", changed(1));
    vi.advanceTimersByTime(1000);
    expect(fake.saved).toEqual([]);
  });

  it("hears once of several changes", () => {
    customElements.define("marimo-anywidget", class extends HTMLElement {});
    const fake = open();
    vi.advanceTimersByTime(1000);
    expect(fake.saved).toEqual([]);
    fake.change("document", changed(1));
    fake.change("document", changed(2));
    vi.advanceTimersByTime(1000);
    expect(fake.saved).toEqual([{ _documents_seen: 1 }]);
    fake.change("document", changed(3));
    vi.advanceTimersByTime(1000);
    expect(fake.saved.at(-1)).toEqual({ _documents_seen: 2 });
    fake.change("document", changed(4));
    scope.end();
    vi.advanceTimersByTime(1000);
    expect(fake.saved.length).toBe(2);
  });
});
