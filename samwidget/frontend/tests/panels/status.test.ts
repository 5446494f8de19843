import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { BUSY_AFTER_MS, SILENT_AFTER_MS } from "../../src/link.ts";
import { statusPanel } from "../../src/panels/status.ts";
import { OpenedView, object } from "../opened_view.ts";

let opened: OpenedView;
let panel: HTMLElement;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
  opened = new OpenedView();
  panel = statusPanel(opened.view, opened.scope);
});

afterEach(() => {
  opened.scope.end();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const text = (selector: string) => panel.querySelector(selector)?.textContent;
const changeStatus = (changes: object) => opened.fake.change("status", { ...opened.fake.traits.status, ...changes });

describe("the message in the middle", () => {
  it("is the hint of the tool", () => {
    expect(text(".sw-hint")).toBe("Click to include · right-click to exclude · drag for a box");
    opened.fake.change("tool", "pan");
    expect(text(".sw-hint")).toBe("Drag to move the image · Ctrl + wheel zooms");
  });

  it("says that the kernel is busy, and that it may be gone", () => {
    opened.session.presence.value = "here";
    opened.click({ x: 30, y: 40 });
    vi.advanceTimersByTime(BUSY_AFTER_MS);
    expect(text(".sw-hint")).toBe("The kernel is busy. Your clicks are kept.");
    vi.advanceTimersByTime(SILENT_AFTER_MS);
    expect(text(".sw-hint")).toBe("The kernel does not answer. If it was restarted, run the cell again.");
    opened.fake.receive({ kind: "done", re: opened.fake.last("add_point").id });
    expect(text(".sw-hint")).toBe("Reconnected. The kernel answers again.");
    vi.advanceTimersByTime(8000);
    expect(text(".sw-hint")).toContain("Click to include");
  });

  it("says what happens to clicks while the image is encoded", () => {
    changeStatus({ phase: "encoding" });
    opened.click({ x: 30, y: 40 });
    opened.fake.receive({ kind: "ack", re: opened.fake.last("add_point").id });
    expect(text(".sw-hint")).toBe("Your clicks are kept until the image is encoded.");
    opened.fake.receive({ kind: "done", re: opened.fake.last("add_point").id });
  });

  it("says how to continue where there is no kernel, or no widget in it", () => {
    opened.session.presence.value = "absent";
    expect(text(".sw-hint")).toBe("There is no kernel. Run the cell to continue.");
    expect(text(".sw-model")).toBe("No kernel");
    changeStatus({ phase: "closed" });
    expect(text(".sw-hint")).toBe("This widget is closed. Run the cell to continue.");
  });

  it("shows a note for some seconds", () => {
    changeStatus({ note: "The cache was made by another model." });
    expect(text(".sw-hint")).toBe("The cache was made by another model.");
    vi.advanceTimersByTime(8000);
    expect(text(".sw-hint")).toContain("Click to include");
  });
});

describe("the masks of many prompts", () => {
  const making = (): HTMLElement => panel.querySelector(".sw-making") as HTMLElement;

  it("are counted, and can be stopped by button and Escape", () => {
    expect(making().hidden).toBe(true);
    changeStatus({ making: { done: 120, total: 1300 } });
    expect([making().hidden, text('[data-sw="making"]')]).toEqual([false, "Making masks: 120 of 1\u2009300"]);
    making().querySelector("button")?.click();
    opened.key("Escape");
    expect(opened.requests).toEqual([{ kind: "stop_making" }, { kind: "stop_making" }]);
    expect(making().querySelector("button")?.textContent).toBe("Stopping…");
    vi.advanceTimersByTime(BUSY_AFTER_MS);
    expect(text('[data-sw="making"]')).toContain("A cell is running");
    opened.done();
    changeStatus({ making: undefined });
    expect(making().hidden).toBe(true);
    opened.key("Escape");
    expect(opened.requests.length).toBe(2);
  });
});

describe("the model", () => {
  it("counts the seconds while it works", () => {
    changeStatus({ phase: "encoding", elapsed_s: 2 });
    expect(text(".sw-model")).toBe("nano · CPU · encoding… 2.0 s");
    vi.advanceTimersByTime(1500);
    expect(text(".sw-model")).toBe("nano · CPU · encoding… 3.5 s");
    expect(panel.hasAttribute("data-working")).toBe(true);
    changeStatus({ phase: "ready", encode_s: 0.042 });
    expect(text(".sw-model")).toBe("nano · CPU · encoded in 42 ms");
    expect(panel.hasAttribute("data-working")).toBe(false);
  });
});

describe("what is announced", () => {
  it("is the active object, or how many there are", () => {
    expect(text("[aria-live]")).toBe("0 objects.");
    opened.show([object()], 1);
    expect(text("[aria-live]")).toBe("Refining cup, score 0.90.");
    opened.show([object()]);
    expect(text("[aria-live]")).toBe("1 object.");
  });

  it("is what the model does, or why it failed", () => {
    changeStatus({ phase: "loading" });
    expect(text("[aria-live]")).toBe("Loading the model.");
    changeStatus({ phase: "failed", error: { code: "memory", message: "Out of memory.", hint: "" } });
    expect(text("[aria-live]")).toBe("Out of memory.");
  });
});

describe("the figures", () => {
  it("are the position under the pointer or the crosshair, the zoom, and the time of the last click", () => {
    opened.pointer("move", { x: 12.7, y: 30.2 });
    expect(text('[data-sw="pointer"]')).toBe("x 12  y 30");
    opened.view.state.crosshair.value = { x: 299.9, y: 0 };
    expect(text('[data-sw="pointer"]')).toBe("x 299  y 0");
    expect(text('[data-sw="zoom"]')).toBe("150 %");
    opened.view.state.latency_ms.value = 41.6;
    expect(text('[data-sw="latency"]')).toBe("42 ms");
  });
});

describe("the session file", () => {
  const save = (phase: "saved" | "saving" | "failed" | "read-only", message = "", hint = "") =>
    opened.fake.change("saving", { path: "/home/me/labels.samw", phase, message, hint });
  const saved = () => panel.querySelector<HTMLElement>('[data-sw="saved"]') as HTMLElement;

  it("is offered where there is none, but not without a kernel or a widget in it", () => {
    expect([saved().hidden, saved().textContent]).toEqual([false, "Save session"]);
    changeStatus({ phase: "closed" });
    expect(saved().hidden).toBe(true);
    changeStatus({ phase: "ready" });
    opened.session.presence.value = "absent";
    expect(saved().hidden).toBe(true);
  });

  it("is named where it holds every change, with its whole path at hand", () => {
    save("saved");
    expect([saved().hidden, saved().textContent, saved().title]).toEqual([
      false,
      "Saved to labels.samw",
      "/home/me/labels.samw",
    ]);
    opened.session.presence.value = "absent";
    expect(saved().hidden).toBe(true);
  });

  it("does not flicker: only what takes long is said to be going on", () => {
    save("saved");
    save("saving");
    vi.advanceTimersByTime(300);
    save("saved");
    expect(saved().textContent).toBe("Saved to labels.samw");
    save("saving");
    vi.advanceTimersByTime(500);
    expect(saved().textContent).toBe("Saving…");
  });

  it("says why it cannot be written, and what helps, until it can", () => {
    save("failed", "labels.samw cannot be written.", "The disk is full; make space.");
    expect(saved().textContent).toBe("Not saved");
    expect(text(".sw-hint")).toBe("Cannot save. labels.samw cannot be written. The disk is full; make space.");
    save("saved");
    expect(text(".sw-hint")).toContain("Click to include");
  });

  it("says once that it is read-only, and keeps the mark", () => {
    save("read-only", "labels.samw is open in another kernel.", "Close it there.");
    expect(text(".sw-hint")).toBe("labels.samw is open in another kernel. Close it there.");
    vi.advanceTimersByTime(8000);
    expect(text(".sw-hint")).toContain("Click to include");
    expect(saved().textContent).toBe("Read-only, not saved");
  });
});
