import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { filmstripPanel } from "../../src/panels/filmstrip.ts";
import { imageRows, OpenedView } from "../opened_view.ts";

let opened: OpenedView;

const ROWS = imageRows(3000, {
  0: { state: "done", objects: 2 },
  1: { state: "to_check", objects: 1, problem: "The file has changed." },
});

beforeEach(() => {
  localStorage.clear();
  opened = new OpenedView();
  opened.view.root.append(filmstripPanel(opened.view, opened.scope));
  opened.session.presence.value = "here";
});

afterEach(() => opened.scope.end());

const part = (name: string) => opened.view.root.querySelector<HTMLElement>(`[data-sw="${name}"]`) as HTMLElement;
const frames = () => [...opened.view.root.querySelectorAll<HTMLElement>('[data-sw="frame"]')];
const open = () => {
  opened.showImages({ count: 3000, index: 2 });
  opened.listImages(ROWS);
  opened.drawFrame();
  opened.listImages(ROWS);
  opened.drawFrame();
};
const press = (target: HTMLElement, key: string) =>
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const press_ = (name: string) => part(name).getAttribute("aria-pressed");

it("is there only where there are several photos", () => {
  expect([part("strip").hidden, opened.view.root.hasAttribute("data-strip")]).toEqual([true, false]);
  open();
  expect([part("strip").hidden, opened.view.root.getAttribute("data-strip")]).toEqual([false, "open"]);
});

describe("the line", () => {
  beforeEach(open);

  it("says where one is, and how far all are", () => {
    expect([part("image-position").textContent, part("image-counts").textContent]).toEqual([
      "3 of 3\u2009000",
      "3 of 3\u2009000 done",
    ]);
    expect(part("image-state").textContent).toBe("new");
    expect(part("image-counts").title).toBe("8 new, 1 in work, 3 done, 0 skipped, 0 to check");
  });

  it("has a button for each key, which says it", () => {
    const names = ["image-previous", "image-next", "image-copy", "image-check", "image-skip", "image-accept"];
    expect(names.map((name) => part(name).title)).toEqual([
      "Previous photo (Page Up)",
      "Next photo (Page Down)",
      "Copy from the photo before (C)",
      "To check (Ctrl+Shift+Enter)",
      "Skip this photo (Shift+Page Down)",
      "Done: show the next photo (Ctrl+Enter)",
    ]);
    part("image-accept").click();
    expect(opened.last).toEqual({ kind: "accept_image" });
  });

  it("shows the mark of the photo", () => {
    expect([press_("image-check"), press_("image-skip")]).toEqual(["false", "false"]);
    opened.showImages({ count: 3000, index: 1, revision: 2 });
    opened.listImages(ROWS);
    expect([press_("image-check"), part("image-state").textContent]).toEqual(["true", "to check"]);
  });

  it("copies masks or prompts", () => {
    part("image-copy").click();
    part("copy-prompts").click();
    expect(opened.last).toEqual({ kind: "copy_objects", image: null, prompts: true });
  });

  it("cannot be used without a kernel", () => {
    opened.session.presence.value = "absent";
    expect(part("image-accept").getAttribute("aria-disabled")).toBe("true");
  });
});

describe("the thumbnails", () => {
  beforeEach(open);

  it("are those in sight, of thousands", () => {
    expect(frames().length).toBeLessThan(30);
    expect(frames()[0]?.getAttribute("aria-setsize")).toBe("3000");
  });

  it("say name, state, objects and what is wrong", () => {
    expect(
      frames()
        .slice(0, 3)
        .map((frame) => frame.getAttribute("aria-label")),
    ).toEqual(["0.jpg, done, 2 objects", "1.jpg, to check, 1 object, The file has changed.", "2.jpg, new, 0 objects"]);
    expect(frames().map((frame) => frame.getAttribute("aria-selected") === "true")[2]).toBe(true);
  });

  it("show a photo by a click, and the frame goes there at once", () => {
    frames()[5]?.click();
    expect(opened.last).toEqual({ kind: "go_to", image: 5 });
    opened.drawFrame();
    expect(frames().findIndex((frame) => frame.getAttribute("aria-selected") === "true")).toBe(5);
  });

  it("are one stop of the Tab key, and arrows move among them", () => {
    expect(frames().filter(({ tabIndex }) => tabIndex === 0)).toEqual([frames()[2]]);
    frames()[2]?.focus();
    press(frames()[2] as HTMLElement, "ArrowRight");
    expect(document.activeElement).toBe(frames()[3]);
    press(frames()[3] as HTMLElement, "Home");
    expect(document.activeElement).toBe(frames()[0]);
    press(frames()[0] as HTMLElement, "Escape");
    expect(document.activeElement).toBe(opened.stage);
  });

  it("fold away, and the page remembers it", () => {
    part("strip-fold").click();
    expect([opened.view.root.getAttribute("data-strip"), part("strip-fold").title]).toEqual([
      "line",
      "Show the thumbnails",
    ]);
    const other = new OpenedView();
    expect(other.view.state.isStripOpen.value).toBe(false);
    other.scope.end();
  });

  it("are folded in a small cell, where the user has not opened them", () => {
    opened.view.state.isCellSmall.value = true;
    expect(opened.view.root.getAttribute("data-strip")).toBe("line");
    part("strip-fold").click();
    expect(opened.view.root.getAttribute("data-strip")).toBe("open");
  });
});

describe("the filter", () => {
  beforeEach(() => {
    open();
    part("image-filter").click();
  });

  it("offers each state with its number", () => {
    const items = [...opened.view.root.querySelectorAll('[role="menuitemradio"]')].map((item) => item.textContent);
    expect(items).toEqual(["All photos3\u2009000", "New8", "In work1", "Done3", "Skipped0", "To check0"]);
  });

  it("lists the photos that pass, and says how many", () => {
    part("filter-to_check").click();
    opened.listImages(ROWS);
    opened.drawFrame();
    expect(frames().map((frame) => frame.getAttribute("aria-label"))).toEqual([
      "1.jpg, to check, 1 object, The file has changed.",
    ]);
    expect(part("image-counts").textContent).toBe("1 of 3\u2009000 listed");
  });
});
