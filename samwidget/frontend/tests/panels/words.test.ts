import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { toolbarPanel } from "../../src/panels/toolbar.ts";
import { documentOf, OpenedView, object } from "../opened_view.ts";

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
  opened.view.root.append(toolbarPanel(opened.view, opened.scope));
  opened.session.presence.value = "here";
  status({ reads_words: true });
});

afterEach(() => opened.scope.end());

const status = (changes: object) =>
  opened.fake.change("status", {
    network: "sam3",
    device: "CPU",
    phase: "ready",
    elapsed_s: 0,
    encode_s: 1,
    note: "",
    ...changes,
  });
const part = <E extends HTMLElement = HTMLElement>(name: string) =>
  opened.view.root.querySelector<E>(`[data-sw="${name}"]`);
const field = () => part<HTMLInputElement>("words-field");
const write = (text: string) => {
  const input = field() as HTMLInputElement;
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
};
const press = (key: string) =>
  field()?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const searches = () => opened.requests.filter(({ kind }) => kind === "find");

describe("the button", () => {
  it("is there only where the model reads words, and so is its key", () => {
    expect(part("words")?.getAttribute("aria-label")).toBe("Find by words (T)");
    status({});
    expect(part("words")).toBeNull();
    opened.key("t");
    expect(field()).toBeNull();
    status({ reads_words: true });
    opened.key("t");
    expect(document.activeElement).toBe(field());
  });

  it("goes with the model, and the field with it", () => {
    part("words")?.click();
    expect(field()).not.toBeNull();
    status({});
    expect(field()).toBeNull();
  });
});

describe("the field", () => {
  it("asks for the phrases that commas part, and closes", () => {
    part("words")?.click();
    write(" red apple, coin,, coin ");
    press("Enter");
    expect(searches()).toMatchObject([{ phrases: ["red apple", "coin"], boxes: [], excluded_boxes: [] }]);
    expect(field()).toBeNull();
  });

  it("keeps what was written for the next time", () => {
    part("words")?.click();
    write("coin");
    part("words-button")?.click();
    part("words")?.click();
    expect(field()?.value).toBe("coin");
  });

  it.each([
    ["", "Write what to find"],
    [" , ", "Write what to find"],
    ["x".repeat(300), "at most 80 characters"],
  ])("says what is wrong with %j and keeps it", (text, problem) => {
    part("words")?.click();
    write(text);
    press("Enter");
    expect(searches()).toEqual([]);
    expect([part("words-note")?.textContent?.includes(problem), field()?.value]).toEqual([true, text]);
    expect(field()?.getAttribute("aria-invalid")).toBe("true");
    write("coin");
    expect(field()?.getAttribute("aria-invalid")).toBeNull();
  });

  it("takes the box of the active object as an example where the user says so", () => {
    part("words")?.click();
    expect(part("words-example")?.closest("label")?.hidden).toBe(true);
    press("Escape");
    opened.fake.change("document", documentOf([object({ id: 3, box: [1, 2, 30, 40] })], 3));
    part("words")?.click();
    part<HTMLInputElement>("words-example")?.click();
    press("Enter");
    expect(searches()).toMatchObject([{ phrases: [], boxes: [[1, 2, 30, 40]] }]);
  });

  it("has letters that are no keys of the widget", () => {
    part("words")?.click();
    press("b");
    expect(opened.session.settings.tool.value).toBe("include");
  });
});
