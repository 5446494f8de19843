import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { exportButton } from "../../src/panels/export.ts";
import { OpenedView, object } from "../opened_view.ts";

let opened: OpenedView;
let links: string[];

beforeEach(() => {
  opened = new OpenedView();
  opened.view.root.append(exportButton(opened.view, opened.scope));
  opened.session.presence.value = "here";
  links = [];
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    links.push(this.download);
  });
});

afterEach(() => {
  opened.scope.end();
  vi.restoreAllMocks();
});

const part = (name: string) => opened.view.root.querySelector<HTMLElement>(`[data-sw="${name}"]`);
const send = (message: object, buffers: Uint8Array[] = []) => opened.reply("export", message, buffers);
const EXPORTED = { kind: "exported", file_name: "labels.json", mime: "application/json" };

it("is there where there is something to write", () => {
  expect(part("export")?.parentElement?.hidden).toBe(true);
  opened.show([object()]);
  expect(part("export")?.parentElement?.hidden).toBe(false);
  opened.session.presence.value = "absent";
  expect(part("export")?.parentElement?.hidden).toBe(true);
});

describe("of one photo", () => {
  beforeEach(() => {
    opened.show([object()]);
    opened.key("e", { ctrlKey: true });
  });

  it("is a click on a format, and COCO has the focus", () => {
    expect([document.activeElement, part("export-all")]).toEqual([part("export-coco"), null]);
    part("export-coco")?.click();
    expect(opened.last).toEqual({ kind: "export", format: "coco", all: false });
    send(EXPORTED, [new Uint8Array([1])]);
    expect(links).toEqual(["labels.json"]);
    expect(opened.view.root.querySelector(".sw-live")?.textContent).toBe("Exported labels.json.");
  });

  it("waits until what was done before is carried out", () => {
    opened.view.request({ kind: "rename", object: 1, name: "mug" });
    part("export-coco")?.click();
    expect(opened.last?.kind).toBe("rename");
    opened.done();
    expect(opened.last?.kind).toBe("export");
  });

  it("says what goes wrong, with a way to choose again", () => {
    part("export-voc")?.click();
    send({ kind: "error", code: "format", message: "The disk is full.", hint: "Free some space." });
    expect(part("export-note")?.textContent).toBe("The disk is full. Free some space.");
    expect(opened.session.failure.value).toBeNull();
    part("export-again")?.click();
    expect(part("export-coco")).not.toBeNull();
  });

  it("takes the keyboard from no name: what goes wrong is then in the banner", () => {
    part("export-voc")?.click();
    opened.show([object()], 1);
    opened.type("mug");
    send({ kind: "error", code: "format", message: "The disk is full.", hint: "" });
    expect([part("export-note"), opened.session.failure.value?.message]).toEqual([null, "The disk is full."]);
    expect(opened.field?.value).toBe("mug");
  });
});

describe("of a folder", () => {
  beforeEach(() => {
    opened.showImages();
    part("export")?.click();
  });

  it("is there where a photo is labelled", () => {
    opened.showImages({ counts: { new: 11, in_work: 0, done: 0, skipped: 1, to_check: 0 } });
    expect(part("export")?.parentElement?.hidden).toBe(true);
    opened.show([object()]);
    expect(part("export")?.parentElement?.hidden).toBe(false);
  });

  it("takes all labelled photos, or the one on the screen, and remembers which", () => {
    part("export-this")?.click();
    part("export-geojson")?.click();
    expect(opened.last).toEqual({ kind: "export", format: "geojson", all: false });
    send(EXPORTED, [new Uint8Array([1])]);
    part("export")?.click();
    expect(part("export-this")?.getAttribute("aria-checked")).toBe("true");
    expect(part("export-all")?.textContent).toBe("All labelled photos4");
    part("export-all")?.click();
    expect(part("export-geojson")?.textContent).toBe("GeoJSON.zip");
    part("export-geojson")?.click();
    expect(opened.last).toEqual({ kind: "export", format: "geojson", all: true });
  });

  it("tells how far it is, and does one at a time", () => {
    part("export-coco")?.click();
    send({ kind: "exporting", done: 3, total: 12 });
    expect([part("export")?.textContent, part("export")?.getAttribute("aria-disabled")]).toEqual(["25 %", "true"]);
    const before = opened.requests.length;
    part("export")?.click();
    part("export-yolo")?.click();
    expect(opened.requests).toHaveLength(before);
    send(EXPORTED, [new Uint8Array([1])]);
    expect(part("export")?.textContent).toBe("Export");
  });
});
