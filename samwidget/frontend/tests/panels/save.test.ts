import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { statusPanel } from "../../src/panels/status.ts";
import type { SessionStatus } from "../../src/protocol.ts";
import { OpenedView, PHOTO } from "../opened_view.ts";

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
  opened.view.root.append(statusPanel(opened.view, opened.scope));
  opened.session.photo.value = { ...PHOTO, name: "cat.of.mine.jpg" };
  opened.session.presence.value = "here";
});

afterEach(() => opened.scope.end());

const part = <E extends HTMLElement = HTMLElement>(name: string) =>
  opened.view.root.querySelector<E>(`[data-sw="${name}"]`);
const field = () => part<HTMLInputElement>("save-field");
const write = (text: string) => {
  const input = field() as HTMLInputElement;
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
};
const press = (key: string) =>
  field()?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const answer = (reply: object) => opened.fake.receive({ re: opened.fake.last("save_session").id, ...reply });
const FAILURE = { code: "session", message: "The disk is full.", hint: "Free some space." };
const file = (phase: SessionStatus["phase"]): SessionStatus => ({ path: "a/b.samw", phase, message: "", hint: "" });

describe("the button in the status bar", () => {
  it("offers to save where there is no session file, and says its key", () => {
    expect([part("saved")?.textContent, part("saved")?.title]).toEqual([
      "Save session",
      "Save objects, classes and undo to a file (Ctrl+Shift+S)",
    ]);
    part("saved")?.click();
    expect([field()?.value, document.activeElement]).toEqual(["cat.of.mine.samw", field()]);
    expect(part("saved")?.getAttribute("aria-expanded")).toBe("true");
  });

  it("is not there without a kernel, nor is what its key opens", () => {
    opened.session.presence.value = "absent";
    expect(part("saved")?.hidden).toBe(true);
    opened.key("S", { ctrlKey: true, shiftKey: true });
    expect(field()).toBeNull();
  });

  it("is not there in an app, which says how its own file is", () => {
    opened.session.photo.value = { ...PHOTO, isApp: true };
    expect(part("saved")?.hidden).toBe(true);
    opened.fake.change("saving", file("saved"));
    expect(part("saved")?.textContent).toBe("Saved to b.samw");
    part("saved")?.click();
    expect(field()).toBeNull();
  });

  it.each([
    ["saved", "a/b.samw"],
    ["failed", "cat.of.mine-2.samw"],
    ["read-only", "cat.of.mine-2.samw"],
  ] as const)("proposes for a file that is %s: %s", (phase, name) => {
    opened.fake.change("saving", file(phase));
    part("saved")?.click();
    expect(field()?.value).toBe(name);
  });

  it("proposes a name for an image that is no file", () => {
    opened.session.photo.value = PHOTO;
    part("saved")?.click();
    expect(field()?.value).toBe("labels.samw");
  });
});

describe("the name of the file", () => {
  beforeEach(() => {
    opened.key("S", { ctrlKey: true, shiftKey: true });
  });

  it.each([
    ["cats.samw", "cats.samw"],
    [" cats ", "cats.samw"],
    ["2026.06/cats", "2026.06/cats.samw"],
    ["cats.v2.samw", "cats.v2.samw"],
  ])("%j is sent as %s by Enter, once", (text, path) => {
    write(text);
    press("Enter");
    press("Enter");
    expect(opened.requests).toEqual([{ kind: "save_session", path }]);
    expect(part("save-button")?.textContent).toBe("Saving…");
    answer({ kind: "done" });
    expect([field(), document.activeElement]).toEqual([null, opened.stage]);
    expect(opened.session.link.pending.value).toEqual([]);
  });

  it("stays with what went wrong and its remedy, and can be sent again", () => {
    press("Enter");
    answer({ kind: "error", ...FAILURE });
    expect(part("save-note")?.textContent).toBe("The disk is full. Free some space.");
    expect([field()?.getAttribute("aria-invalid"), part("save-button")?.textContent]).toEqual(["true", "Save"]);
    expect(opened.session.failure.value).toBeNull();
    write("other");
    expect(field()?.getAttribute("aria-invalid")).toBeNull();
    part("save-button")?.click();
    expect(opened.last).toEqual({ kind: "save_session", path: "other.samw" });
  });

  it("is dropped by Escape; what goes wrong later is said over the photo", () => {
    press("Enter");
    press("Escape");
    expect(field()).toBeNull();
    answer({ kind: "error", ...FAILURE });
    expect(opened.session.failure.value).toEqual(FAILURE);
  });

  it("is dropped where the kernel goes", () => {
    press("Enter");
    opened.session.presence.value = "absent";
    expect(field()).toBeNull();
  });

  it("is dropped where it cannot be sent, which is said over the photo", () => {
    opened.fake.isLost = true;
    press("Enter");
    expect([field(), opened.session.failure.value?.code]).toEqual([null, "no_kernel"]);
  });

  it("is not sent while it is blank", () => {
    write("  ");
    press("Enter");
    expect(opened.requests).toEqual([]);
  });
});
