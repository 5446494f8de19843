// While the view pans, what is on the canvas moves along, and only what comes into sight is painted.

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { Viewport } from "../../src/viewport.ts";
import { takeCalls } from "../fakes.ts";
import { OpenedView, object, PHOTO } from "../opened_view.ts";

// The mask of sendMask: x 46.9 to 65.6 and y 93.8 to 107.9 image pixels. At a scale of 2 the stage shows 200 x 150 of them.
const AROUND: Viewport = { scale: 2, x: -60, y: -60 };

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
  opened.sendMask("m1");
  opened.show([object()]);
  opened.resize(400, 300);
  show(AROUND);
});

afterEach(() => opened.scope.end());

const [PHOTO_LAYER, OBJECTS_LAYER] = [0, 1];
const canvas = (layer: number) => opened.stage.querySelectorAll("canvas")[layer] as HTMLCanvasElement;
const RELEVANT = ["clearRect", "drawImage", "rect", "fill"];

function show(viewport: Viewport) {
  opened.view.state.viewport.value = viewport;
  opened.drawFrame();
  for (const layer of [PHOTO_LAYER, OBJECTS_LAYER]) takeCalls(canvas(layer));
}
/** What a change of the view paints on a layer: the methods, with the arguments of those that move and clip. */
function painted(viewport: Viewport, layer: number = OBJECTS_LAYER) {
  opened.view.state.viewport.value = viewport;
  opened.drawFrame();
  const calls = takeCalls(canvas(layer)).filter(([method]) => RELEVANT.includes(method));
  return calls.map(([method, ...values]) =>
    method === "rect" ? [method, ...values] : [method, ...values.slice(0, 3)],
  );
}
const moved = (dx: number, dy: number) => ["drawImage", canvas(OBJECTS_LAYER), dx, dy];

describe("a view that pans", () => {
  it("moves what is there, and paints the strip beside it", () => {
    expect(painted({ ...AROUND, x: -50 })).toEqual([moved(10, 0), ["rect", 0, 0, 10, 300]]);
    expect(painted({ ...AROUND, x: -50, y: -75 })).toEqual([moved(0, -15), ["rect", 0, 285, 400, 15]]);
    expect(painted({ ...AROUND, x: -70, y: -55 })).toEqual([
      moved(-20, 20),
      ["rect", 380, 0, 20, 300],
      ["rect", 0, 0, 380, 20],
    ]);
  });

  it("paints the objects that reach into the strip", () => {
    show({ scale: 2, x: -100, y: -60 });
    // The left edge of the mask comes into sight, at 93.8 device pixels of the photo.
    const [, , fill] = painted({ scale: 2, x: -90, y: -60 });
    expect(fill?.[0]).toBe("fill");
    expect(painted({ scale: 2, x: -80, y: -60 }).length).toBe(3);
    // Nor does its line, of 5 pixels, reach into this one.
    expect(painted({ scale: 2, x: -70, y: -60 }).length).toBe(2);
  });

  it("moves the photo, too", () => {
    expect(painted({ ...AROUND, x: -50 }, PHOTO_LAYER)).toEqual([
      ["drawImage", canvas(PHOTO_LAYER), 10, 0],
      ["rect", 0, 0, 10, 300],
      ["drawImage", PHOTO.bitmap, 0, 0],
    ]);
  });

  it("moves by whole device pixels, and never by more than half of one too little", () => {
    expect(painted({ ...AROUND, x: -59.6 })).toEqual([]);
    expect(painted({ ...AROUND, x: -59.2 })).toEqual([moved(1, 0), ["rect", 0, 0, 1, 300]]);
    expect(painted({ ...AROUND, x: -58.8 })).toEqual([]);
  });
});

describe("the whole is painted", () => {
  const WHOLE = ["clearRect", "fill"];
  const methods = (viewport: Viewport) => painted(viewport).map(([method]) => method);

  it("at another scale, and where nothing of it stays in sight", () => {
    expect(methods({ ...AROUND, scale: 2.5 })).toEqual(WHOLE);
    expect(methods({ scale: 2.5, x: 400, y: -60 })).toEqual(["clearRect"]);
  });

  it("where it looks different", () => {
    opened.fake.change("opacity", 0.9);
    expect(methods({ ...AROUND, x: -50 })).toEqual(WHOLE);
    opened.show([object({ colour: "#000000" })]);
    expect(methods({ ...AROUND, x: -40 })).toEqual(WHOLE);
  });

  it("when a mask arrives that was missing", () => {
    opened.show([object(), object({ id: 2, mask: "m2" })]);
    expect(methods({ ...AROUND, x: -50 })).toEqual(WHOLE);
    opened.sendMask("m2");
    expect(methods({ ...AROUND, x: -40 })).toEqual([...WHOLE, "fill"]);
  });

  it("on a canvas of another size", () => {
    opened.resize(500, 300);
    expect(takeCalls(canvas(OBJECTS_LAYER)).map(([method]) => method)).toContain("clearRect");
  });
});
