import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { takeCalls } from "../fakes.ts";
import { documentOf, OpenedView, object, PHOTO } from "../opened_view.ts";

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
});

afterEach(() => opened.scope.end());

const canvases = () => [...opened.stage.querySelectorAll("canvas")];
/** Which layers were painted since the last time that this was asked. */
const painted = () => {
  const names = ["photo", "objects", "corrections", "overlay"];
  return canvases().flatMap((canvas, i) => (takeCalls(canvas).some(([name]) => name === "clearRect") ? names[i] : []));
};
const methods = (layer: number) => takeCalls(canvases()[layer] as HTMLCanvasElement).map(([name]) => name);
const drawFrame = () => {
  opened.drawFrame();
  return painted();
};

describe("a frame", () => {
  beforeEach(() => {
    opened.sendMask("m1");
    opened.sendMask("m2");
    opened.show([object(), object({ id: 2, mask: "m2" })], 2);
    opened.drawFrame();
    painted();
  });

  it("paints what has changed, and no more", () => {
    opened.pointer("down", { x: 300, y: 300 });
    opened.pointer("move", { x: 350, y: 350 });
    expect(drawFrame()).toEqual(["overlay"]);
    opened.fake.change("opacity", 0.8);
    expect(drawFrame()).toEqual(["objects", "overlay"]);
    opened.view.state.viewport.value = { scale: 2, x: 0, y: 0 };
    expect(drawFrame()).toEqual(["photo", "objects", "overlay"]);
  });

  it("leaves the other objects alone while the active one is refined", () => {
    opened.sendMask("m3");
    opened.fake.change("document", documentOf([object(), object({ id: 2, mask: "m3", area: 7 })], 2));
    expect(drawFrame()).toEqual(["overlay"]);
    opened.fake.change("document", documentOf([object({ colour: "#000000" }), object({ id: 2, mask: "m3" })], 2));
    expect(drawFrame()).toEqual(["objects", "overlay"]);
  });

  it("is drawn once for many changes, and not at all for none", () => {
    opened.fake.change("opacity", 0.1);
    opened.fake.change("opacity", 0.2);
    opened.fake.change("threshold", 1);
    expect(opened.drawFrame()).toBe(true);
    expect(opened.drawFrame()).toBe(false);
    opened.fake.change("theme", "dark");
    opened.fake.change("tool", "box");
    expect(opened.drawFrame()).toBe(false);
  });

  it("is not drawn after the end", () => {
    opened.fake.change("opacity", 0.1);
    opened.scope.end();
    expect(opened.drawFrame()).toBe(false);
    expect(opened.disconnected).toBe(1);
  });
});

describe("the revision on the screen", () => {
  const revision = () => opened.canvases.frame.value?.revision;

  it("waits for the masks", () => {
    opened.show([object()]);
    opened.drawFrame();
    expect(revision()).toBe(0);
    opened.sendMask("m1");
    opened.drawFrame();
    expect(revision()).toBe(1);
    expect(methods(1)).toContain("fill");
  });

  it("waits for the document's photo", () => {
    opened.sendMask("m1");
    opened.fake.change("document", { ...documentOf([object()], null), image: "b" });
    opened.drawFrame();
    expect(revision()).toBe(0);
    expect(methods(1)).not.toContain("fill");
    opened.session.photo.value = { ...PHOTO, id: "b" };
    opened.drawFrame();
    expect(revision()).toBe(1);
    expect(methods(1)).toContain("fill");
  });
});

describe("the size", () => {
  it.each([1, 1.5, 3])("is in device pixels at a ratio of %d, and drawn at once", (ratio) => {
    opened.drawFrame();
    painted();
    opened.resize(800, 500, ratio);
    expect(canvases().map(({ width, height }) => [width, height])).toEqual(Array(4).fill([800 * ratio, 500 * ratio]));
    expect(opened.view.state.stageSize.value).toEqual({ width: 800, height: 500 });
    const [photo] = canvases().map(takeCalls);
    // Fitted to 900 x 600 before: one image pixel is 1.5 CSS pixels.
    expect(photo).toContainEqual(["setTransform", 1.5 * ratio, 0, 0, 1.5 * ratio, 0, 0]);
    expect(photo).toContainEqual(["drawImage", PHOTO.bitmap, 0, 0, 600, 400]);
  });

  it("blanks nothing when it stays", () => {
    opened.resize(800, 500);
    opened.drawFrame();
    painted();
    opened.resize(800, 500);
    expect(painted()).toEqual([]);
  });
});

describe("without a photo", () => {
  it("the canvases are blank", () => {
    opened.sendMask("m1");
    opened.session.photo.value = null;
    opened.show([object()], 1);
    opened.drawFrame();
    for (const layer of [0, 1, 2, 3]) expect(methods(layer)).not.toContain("fill");
  });
});

describe("a pending point", () => {
  it("pulses when the kernel takes long, until it is confirmed", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    opened.click({ x: 30, y: 40 });
    opened.drawFrame();
    expect(opened.drawFrame()).toBe(false);
    vi.advanceTimersByTime(300);
    for (let i = 0; i < 3; i++) expect(opened.drawFrame()).toBe(true);
    opened.fake.receive({ kind: "done", re: opened.fake.last("add_point").id });
    opened.drawFrame();
    expect(opened.drawFrame()).toBe(false);
    vi.useRealTimers();
  });
});

it("gives its pixels back when the view closes, which the host may still keep", () => {
  expect(canvases().every(({ width, height }) => width > 0 && height > 0)).toBe(true);
  opened.scope.end();
  expect(canvases().map(({ width, height }) => width + height)).toEqual([0, 0, 0, 0]);
});
