import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { statusPanel } from "../../src/panels/status.ts";
import type { ModelRow, ModelsStatus } from "../../src/protocol.ts";
import { OpenedView } from "../opened_view.ts";

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
  opened.view.root.append(statusPanel(opened.view, opened.scope));
  opened.session.presence.value = "here";
  say();
});

afterEach(() => opened.scope.end());

const part = (name: string) => opened.view.root.querySelector<HTMLElement>(`[data-sw="${name}"]`);
const say = (changes: Partial<ModelsStatus> = {}) =>
  opened.fake.change("models", { can_choose: true, note: "", ...changes });
const row = (name: string, changes: Partial<ModelRow> = {}): ModelRow => ({
  name,
  family: "sam2",
  licence: "Apache-2.0",
  availability: "here",
  reads_words: false,
  is_used: false,
  ...changes,
});
const ROWS = [
  row("nano", { family: "nano", is_used: true, size_mb: 9.7 }),
  row("facebook/sam2.1-hiera-tiny", { availability: "download", size_mb: 156 }),
  row("facebook/sam2.1-hiera-large", { availability: "missing", size_mb: 898, needs_mb: 2796 }),
  row("facebook/sam3", { family: "sam3", licence: "SAM", availability: "gated", size_mb: 3440, reads_words: true }),
];
const open = (rows = ROWS) => {
  part("model")?.click();
  opened.reply("list_models", { kind: "models", models: rows });
};
const focused = () => document.activeElement?.getAttribute("data-sw");
const texts = (selector: string) =>
  [...opened.view.root.querySelectorAll(selector)].map((element) => element.textContent);

describe("the name of the model", () => {
  it("is a button where the kernel lets a view choose, and plain text elsewhere", () => {
    expect(part("model")?.textContent).toContain("nano · CPU");
    expect(part("model")?.getAttribute("aria-expanded")).toBe("false");
    say({ can_choose: false });
    expect(part("model")).toBeNull();
    expect(texts(".sw-model")).toEqual(["nano · CPU · encoded in 0.5 s"]);
    say();
    opened.session.presence.value = "absent";
    expect(part("model")).toBeNull();
    opened.fake.change("models", null);
    expect(part("model")).toBeNull();
  });

  it("says for a while why it is not the model of the session file", () => {
    say({ note: "labels.samw was used last with the model 'mine'." });
    expect(texts(".sw-hint")).toEqual(["labels.samw was used last with the model 'mine'."]);
    open();
    expect(texts(".sw-models-note")).toEqual(["labels.samw was used last with the model 'mine'."]);
  });
});

describe("the menu", () => {
  it("has what the kernel reports, by family, with size, licence, and how to get it", () => {
    part("model")?.click();
    expect(texts(".sw-models-note")).toEqual(["Looking for models…"]);
    opened.reply("list_models", { kind: "models", models: ROWS });
    expect(texts(".sw-models-family")).toEqual(["Bundled with samwidget", "Segment Anything 2", "Segment Anything 3"]);
    expect(texts(".sw-model-name")).toEqual(["nano", "sam2.1-hiera-tiny", "sam2.1-hiera-large", "sam3"]);
    expect(texts(".sw-model-where")).toEqual([
      "In use",
      "Download 156 MB",
      "Not on this computer",
      "Ask for access on the hub first",
    ]);
    expect(texts(".sw-model-facts")).toEqual([
      "9.7 MB · Apache-2.0",
      "Apache-2.0",
      "898 MB · Apache-2.0 · needs about 3 GB of memory",
      "3.4 GB · SAM · finds words",
    ]);
    expect(part("model")?.getAttribute("aria-expanded")).toBe("true");
  });

  it("is used with the keyboard, from the model that is in use", () => {
    open();
    expect(focused()).toBe("model-nano");
    const press = (key: string) =>
      document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    press("ArrowDown");
    expect(focused()).toBe("model-facebook/sam2.1-hiera-tiny");
    press("ArrowUp");
    press("ArrowUp");
    expect(focused()).toBe("model-facebook/sam3");
    press("Escape");
    expect([part("models"), part("model")?.getAttribute("aria-expanded")]).toEqual([null, "false"]);
  });

  it("asks for the chosen model, and for none that is in use", () => {
    open();
    part("model-nano")?.click();
    expect(opened.last).toEqual({ kind: "list_models" });
    open();
    part("model-facebook/sam2.1-hiera-tiny")?.click();
    expect(opened.last).toEqual({ kind: "use_model", model: "facebook/sam2.1-hiera-tiny" });
    expect(part("models")).toBeNull();
    expect(opened.session.link.pending.value).toEqual([]);
  });

  it("goes back to the model that is in use while another one comes", () => {
    say({ change: { model: "facebook/sam3", phase: "loading", done: 0, total: 0 } });
    open();
    part("model-nano")?.click();
    expect(opened.last).toEqual({ kind: "use_model", model: "nano" });
  });

  it("closes where the kernel allows no choice any more, and by its button", () => {
    open();
    part("model")?.click();
    expect(part("models")).toBeNull();
    open();
    say({ can_choose: false });
    expect(part("models")).toBeNull();
  });
});

describe("a change", () => {
  const change = (phase: NonNullable<ModelsStatus["change"]>["phase"], done = 0, total = 0) =>
    say({ change: { model: "facebook/sam2.1-hiera-tiny", phase, done, total } });
  const text = () => part("model-change")?.querySelector('[role="progressbar"]');

  it("tells how far it is, and can be cancelled", () => {
    expect(part("model-change")?.hidden).toBe(true);
    change("downloading", 84_000_000, 156_000_000);
    expect([part("model-change")?.hidden, text()?.textContent]).toEqual([
      false,
      "Downloading sam2.1-hiera-tiny · 84 of 156 MB",
    ]);
    expect(text()?.getAttribute("aria-valuenow")).toBe("84000000");
    expect(texts(".sw-live[aria-live]")).toEqual(["Downloading sam2.1-hiera-tiny…"]);
    part("cancel-model")?.click();
    expect(opened.last).toEqual({ kind: "cancel_model" });
    change("downloading", 400_000, 2_000_000);
    expect(text()?.textContent).toBe("Downloading sam2.1-hiera-tiny · 0.4 of 2.0 MB");
    say();
    expect(part("model-change")?.hidden).toBe(true);
  });

  it.each([
    ["waiting", "sam2.1-hiera-tiny is next…"],
    ["downloading", "Downloading sam2.1-hiera-tiny…"],
    ["loading", "Loading sam2.1-hiera-tiny…"],
    ["encoding", "sam2.1-hiera-tiny encodes the image…"],
  ] as const)("says what it does: %s", (phase, words) => {
    change(phase);
    expect(text()?.textContent).toBe(words);
    expect(text()?.hasAttribute("aria-valuenow")).toBe(false);
  });

  it("that fails says why, and one that was cancelled says nothing", () => {
    open();
    part("model-facebook/sam3")?.click();
    const failure = { code: "model-not-found", message: "facebook/sam3 is gated.", hint: "Accept its terms." };
    opened.reply("use_model", { kind: "error", ...failure });
    expect(opened.session.failure.value).toEqual(failure);
    open();
    part("model-facebook/sam2.1-hiera-tiny")?.click();
    expect(opened.session.failure.value).toBeNull();
    opened.reply("use_model", { kind: "error", code: "stopped", message: "It was cancelled.", hint: "" });
    expect(opened.session.failure.value).toBeNull();
  });
});
