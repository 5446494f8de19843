import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { takeCalls } from "../fakes.ts";
import { OpenedView, object } from "../opened_view.ts";

let opened: OpenedView;
/** The sizes of what was put on the layer since the last time that this was asked. */
const shown = () =>
  takeCalls(layer())
    .filter(([name]) => name === "putImageData")
    .map(([, pixels, x, y]) => [x, y, (pixels as ImageData).width, (pixels as ImageData).height]);
const layer = () => opened.stage.querySelectorAll("canvas")[2] as HTMLCanvasElement;

beforeEach(() => {
  Object.assign(globalThis, {
    ImageData: class {
      constructor(
        readonly data: Uint8ClampedArray,
        readonly width: number,
        readonly height: number,
      ) {}
    },
  });
  opened = new OpenedView();
  opened.resize(900, 600);
  opened.sendMask("m1");
  opened.show([object()], 1);
  opened.fake.change("tool", "brush");
  opened.drawFrame();
  takeCalls(layer());
});

afterEach(() => opened.scope.end());

describe("the layer of corrections", () => {
  it("paints the mask once, and then only what a stroke has gained", () => {
    opened.pointer("down", { x: 200, y: 100 });
    opened.drawFrame();
    expect(shown()).toHaveLength(1);
    opened.pointer("move", { x: 204, y: 100 });
    opened.drawFrame();
    // One image pixel is 1.5 CSS pixels: a radius of 13.5, two pixels of the line, and one to be smooth.
    expect(shown()).toEqual([[283, 133, 40, 34]]);
    opened.pointer("move", { x: 204, y: 100 });
    opened.drawFrame();
    expect(shown()).toEqual([]);
  });

  it("paints all anew when the photo moves or the mask changes, and nothing when the stroke is settled", () => {
    opened.drag({ x: 200, y: 100 }, { x: 240, y: 100 });
    opened.drawFrame();
    shown();
    opened.view.state.viewport.value = { scale: 2, x: 0, y: 0 };
    opened.drawFrame();
    expect(shown()).toHaveLength(1);
    opened.sendMask("m2", 9, 9);
    opened.show([object({ mask: "m2" })], 1);
    opened.drawFrame();
    expect(shown()).toHaveLength(1);
    opened.done();
    opened.drawFrame();
    expect(takeCalls(layer()).map(([name]) => name)).toContain("clearRect");
    opened.view.state.viewport.value = { scale: 3, x: 0, y: 0 };
    opened.drawFrame();
    expect(takeCalls(layer())).toEqual([]);
  });

  it("has the colour of the object, or of the class that a new one gets", () => {
    /** The colour in the middle of what was put on the layer last. */
    const middle = () => {
      opened.drawFrame();
      const [, pixels] = takeCalls(layer()).findLast(([name]) => name === "putImageData") ?? [];
      const { data, width, height } = pixels as ImageData;
      return [...data.subarray(4 * (width * (height >> 1) + (width >> 1))).subarray(0, 3)];
    };
    opened.show([], null);
    opened.pointer("down", { x: 200, y: 100 });
    expect(middle()).toEqual([0x78, 0xaa, 0xff]);
    opened.pointer("up", { x: 200, y: 100 });
    const classes = [{ name: "cat", colour: "#102030", count: 0 }];
    opened.fake.change("document", { ...opened.fake.traits.document, classes, active_class: "cat" });
    expect(middle()).toEqual([0x10, 0x20, 0x30]);
  });

  it("leaves what is there until the new mask arrives", () => {
    opened.drag({ x: 200, y: 100 }, { x: 240, y: 100 });
    opened.drawFrame();
    takeCalls(layer());
    opened.show([object({ mask: "m2" })], 1);
    opened.drawFrame();
    expect(takeCalls(layer())).toEqual([]);
    opened.sendMask("m2");
    opened.drawFrame();
    expect(shown()).toHaveLength(1);
  });

  it("is blank for a stroke that is refused", () => {
    opened.drag({ x: 200, y: 100 }, { x: 240, y: 100 });
    opened.drawFrame();
    takeCalls(layer());
    const { id } = opened.fake.last("paint");
    opened.fake.receive({ kind: "error", re: id, code: "prompt", message: "locked", hint: "" });
    opened.drawFrame();
    expect(takeCalls(layer()).map(([name]) => name)).toContain("clearRect");
  });
});
