import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { Request } from "../../src/protocol.ts";
import { currentTool } from "../../src/tools/current.ts";
import { toScreen } from "../../src/viewport.ts";
import { OpenedView, object, STAGE } from "../opened_view.ts";

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
  opened.sendMask("m1");
  opened.show([object()], 1);
  opened.fake.change("tool", "brush");
});

afterEach(() => opened.scope.end());

const stroke = () => opened.view.state.stroke.value;
const corrections = () => opened.view.state.corrections.value;
const FROM = { x: 50, y: 100 };
const TO = { x: 90, y: 100 };

describe("the brush", () => {
  it("shows the stroke while it is drawn, and asks for it at the end", () => {
    opened.pointer("down", FROM);
    expect(stroke()).toEqual({ kind: "stroke", points: [FROM], radius: 9, isErased: false });
    opened.pointer("move", TO);
    expect(stroke()).toMatchObject({ points: [FROM, TO] });
    expect(opened.requests).toEqual([]);
    opened.pointer("up", TO);
    const asked: Request = {
      kind: "paint",
      object: 1,
      points: [
        [50, 100],
        [90, 100],
      ],
      radius: 9,
      erase: false,
    };
    expect(opened.requests).toEqual([asked]);
    expect(stroke()).toBeNull();
  });

  it("leaves the stroke on the screen until the kernel has settled it", () => {
    opened.drag(FROM, TO);
    expect(corrections().object?.id).toBe(1);
    expect(corrections().corrections).toHaveLength(1);
    opened.sendMask("m2", 9, 3);
    opened.show([object({ mask: "m2" })], 1);
    expect(corrections().object?.mask).toBe("m2");
    opened.done();
    expect(corrections().corrections).toEqual([]);
  });

  it("takes a refused stroke away and says why", () => {
    opened.drag(FROM, TO);
    opened.fake.receive({
      kind: "error",
      re: opened.fake.last("paint").id,
      code: "prompt",
      message: "object 1 is locked",
      hint: "unlock it",
    });
    expect(corrections().corrections).toEqual([]);
    expect(opened.session.failure.value?.message).toBe("object 1 is locked");
  });

  it.each([
    ["Alt", { altKey: true }],
    ["the right button", { button: 2 }],
    ["the other end of a pen", { button: 5, pointerType: "pen" }],
  ])("takes away with %s", (_, init) => {
    opened.drag(FROM, TO, init);
    expect(opened.last).toMatchObject({ kind: "paint", erase: true });
  });

  it("paints a dot by a click, and one at the crosshair with the space bar", () => {
    opened.click(FROM);
    expect(opened.last).toMatchObject({ kind: "paint", points: [[50, 100]] });
    opened.view.state.crosshair.value = { x: 7, y: 8 };
    opened.space();
    expect(opened.last).toMatchObject({ kind: "paint", points: [[7, 8]], erase: false });
  });

  it("draws nothing when it is cancelled, and when a second finger comes", () => {
    opened.pointer("down", FROM);
    opened.key("Escape");
    expect(stroke()).toBeNull();
    opened.pointer("up", TO);
    opened.pointer("down", FROM, { pointerType: "touch", pointerId: 5 });
    expect(stroke()).not.toBeNull();
    opened.pointer("down", TO, { pointerType: "touch", pointerId: 6 });
    expect(stroke()).toBeNull();
    opened.pointer("up", TO, { pointerType: "touch", pointerId: 6 });
    opened.pointer("up", FROM, { pointerType: "touch", pointerId: 5 });
    expect(opened.requests).toEqual([]);
  });

  it("begins an object where none is active, and goes on with it", () => {
    opened.show([object()], null);
    opened.drag(FROM, TO);
    opened.drag(TO, FROM);
    expect(opened.requests).toMatchObject([
      { kind: "paint", object: null },
      { kind: "paint", object: null },
    ]);
    expect(corrections()).toMatchObject({ object: null, corrections: [{}, {}] });
  });

  it("does not move points, and names nothing under the pointer", () => {
    opened.show([object({ points: [[50, 100, 1]] })], 1);
    opened.click(FROM);
    expect(opened.last).toMatchObject({ kind: "paint" });
    opened.pointer("move", FROM);
    expect(opened.view.state.pointedObject.value).toBeNull();
  });

  it("goes through every position that the pointer had between two frames", () => {
    opened.pointer("down", FROM);
    const between = [55, 60, 70].map((x) => {
      const { x: clientX, y: clientY } = toScreen(opened.view.state.viewport.value, { x, y: 104 });
      return { clientX: clientX + STAGE.left, clientY: clientY + STAGE.top, pointerType: "mouse", pressure: 0.5 };
    });
    const event = new PointerEvent("pointermove", { ...between[2], bubbles: true, pointerId: 1 });
    Object.assign(event, { getCoalescedEvents: () => between });
    opened.stage.dispatchEvent(event);
    const points = (stroke()?.points ?? []).map(({ x }) => Math.round(x));
    expect(points).toEqual([50, 55, 60, 70]);
  });

  it("has a radius that follows the hardest pressure of a pen", () => {
    const pen = (pressure: number) => ({ pointerType: "pen", pressure });
    opened.pointer("down", FROM, pen(0.5));
    expect(stroke()).toMatchObject({ radius: 9 });
    opened.pointer("move", TO, pen(1));
    expect(stroke()).toMatchObject({ radius: 9 * 1.6 });
    opened.pointer("up", TO, pen(0));
    expect((opened.last as { radius: number }).radius).toBeCloseTo(9 * 1.6);
  });
});

describe("the size", () => {
  it("is changed by its keys while a brush is in hand; otherwise they select objects", () => {
    opened.key("]");
    opened.click(FROM);
    expect(opened.last).toMatchObject({ radius: 11.5 });
    for (let i = 0; i < 40; i++) opened.key("[");
    opened.click(FROM);
    expect(opened.last).toMatchObject({ radius: 0.5 });
    for (let i = 0; i < 60; i++) opened.key("]");
    opened.click(FROM);
    expect(opened.last).toMatchObject({ radius: 75 });
    opened.show([object(), object({ id: 2 })], 1);
    opened.fake.change("tool", "include");
    opened.key("]");
    expect(opened.last).toEqual({ kind: "select", object: 2 });
  });
});

describe("the keys of the size", () => {
  it("are there where a keyboard writes them with AltGr", () => {
    opened.key("]", { altKey: true, ctrlKey: true });
    opened.click(FROM);
    expect(opened.last).toMatchObject({ radius: 11.5 });
  });

  it("follow the letter of the tool at once, although letters begin a name", () => {
    opened.fake.change("tool", "include");
    opened.key("d");
    opened.key("]");
    expect(opened.field).toBeNull();
    opened.click(FROM);
    expect(opened.last).toMatchObject({ kind: "paint", radius: 11.5 });
  });
});

describe("the eraser", () => {
  beforeEach(() => opened.fake.change("tool", "eraser"));

  it("takes away, and adds with Alt", () => {
    opened.drag(FROM, TO);
    expect(opened.last).toMatchObject({ kind: "paint", object: 1, erase: true });
    opened.drag(FROM, TO, { altKey: true });
    expect(opened.last).toMatchObject({ kind: "paint", object: 1, erase: false });
  });

  it("selects the object under it where none is active", () => {
    opened.show([object()], null);
    opened.drag({ x: 55, y: 100 }, TO);
    expect(opened.requests).toMatchObject([
      { kind: "select", object: 1 },
      { kind: "paint", object: 1, erase: true },
    ]);
    expect(corrections().object?.id).toBe(1);
  });

  it("says so where there is nothing to erase", () => {
    opened.show([object()], null);
    opened.drag({ x: 300, y: 300 }, { x: 310, y: 300 });
    expect(opened.requests).toEqual([]);
    expect(opened.session.failure.value?.message).toBe("There is no mask to erase from here.");
  });

  it("says what it does", () => {
    expect(currentTool(opened.view).hint(opened.view)).toContain("Alt paints to add");
  });
});
