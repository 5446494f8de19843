import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { ObjectSummary } from "../../src/protocol.ts";
import { OpenedView, object } from "../opened_view.ts";

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
  opened.stage.focus();
});

afterEach(() => opened.scope.end());

const crosshair = () => opened.view.state.crosshair.value;

describe("the crosshair", () => {
  it("appears in the middle, and moves ten pixels of the screen at every zoom", () => {
    opened.key("ArrowRight");
    expect(crosshair()).toEqual({ x: 300, y: 200 });
    opened.key("ArrowRight");
    opened.key("ArrowUp");
    expect(crosshair()?.x).toBeCloseTo(300 + 10 / 1.5);
    expect(crosshair()?.y).toBeCloseTo(200 - 10 / 1.5);
    opened.view.state.viewport.value = { scale: 4, x: -700, y: -500 };
    opened.key("ArrowLeft", { shiftKey: true });
    expect(crosshair()?.x).toBeCloseTo(300 + 10 / 1.5 - 1 / 4);
  });

  it("stays inside the image", () => {
    opened.view.state.crosshair.value = { x: 599, y: 1 };
    for (let i = 0; i < 3; i++) {
      opened.key("ArrowRight");
      opened.key("ArrowUp");
    }
    expect(crosshair()).toEqual({ x: 599.99, y: 0 });
    opened.space();
    expect(opened.last).toEqual({ kind: "add_point", x: 599.99, y: 0, label: 1 });
  });

  it("takes the photo with it when it comes to the edge of a zoomed view", () => {
    opened.view.state.isFitted.value = false;
    opened.view.state.viewport.value = { scale: 4, x: -700, y: -500 };
    opened.view.state.crosshair.value = { x: (870 + 700) / 4, y: 200 };
    opened.key("ArrowRight");
    expect(opened.view.state.viewport.value).toEqual({ scale: 4, x: -708, y: -500 });
  });

  it("leaves the arrows to the photo while the tool is Pan", () => {
    opened.fake.change("tool", "pan");
    opened.view.state.viewport.value = { scale: 4, x: -700, y: -500 };
    opened.key("ArrowRight");
    opened.key("ArrowDown", { shiftKey: true });
    expect(opened.view.state.viewport.value).toEqual({ scale: 4, x: -740, y: -501 });
    expect(crosshair()).toBeNull();
  });

  it("goes with Escape, and then the focus does", () => {
    opened.key("ArrowRight");
    opened.key("Escape");
    expect(crosshair()).toBeNull();
    expect(document.activeElement).toBe(opened.stage);
    opened.key("Escape");
    expect(document.activeElement).not.toBe(opened.stage);
    expect(opened.view.state.hasFocus.value).toBe(false);
  });
});

describe("the space bar", () => {
  it("shows the crosshair first", () => {
    opened.space();
    expect(crosshair()).toEqual({ x: 300, y: 200 });
    expect(opened.requests).toEqual([]);
  });

  it("uses the tool at the crosshair", () => {
    opened.view.state.crosshair.value = { x: 55, y: 100 };
    opened.space();
    opened.fake.change("tool", "exclude");
    opened.space();
    expect(opened.requests).toEqual([
      { kind: "add_point", x: 55, y: 100, label: 1 },
      { kind: "add_point", x: 55, y: 100, label: 0 },
    ]);
  });

  it("selects the object at the crosshair", () => {
    opened.fake.change("tool", "select");
    opened.sendMask("m1");
    opened.show([object()]);
    opened.view.state.crosshair.value = { x: 55, y: 100 };
    opened.space();
    expect(opened.requests).toEqual([{ kind: "select", object: 1 }]);
  });

  it("sets one corner of a box, then the other", () => {
    opened.fake.change("tool", "box");
    opened.view.state.crosshair.value = { x: 200, y: 100 };
    opened.space();
    expect(opened.view.state.corner.value).toEqual({ x: 200, y: 100 });
    opened.view.state.crosshair.value = { x: 120, y: 180 };
    opened.space();
    expect(opened.requests).toEqual([{ kind: "add_box", box: [120, 100, 200, 180] }]);
    expect(opened.view.state.corner.value).toBeNull();
  });
});

describe("keys", () => {
  it.each([
    ["Enter", {}, { kind: "accept" }],
    ["Delete", {}, { kind: "delete", object: 1 }],
    ["z", { ctrlKey: true }, { kind: "undo" }],
    ["Z", { ctrlKey: true, shiftKey: true }, { kind: "redo" }],
    ["]", {}, { kind: "select", object: 2 }],
    ["[", {}, { kind: "select", object: 3 }],
  ])("%s %j asks for the right thing", (key, init, request) => {
    opened.show([object(), object({ id: 2 }), object({ id: 3 })], 1);
    opened.key(key, init);
    expect(opened.requests).toEqual([request]);
  });

  it("find everything while no object is active, which letters would name", () => {
    opened.show([object()]);
    opened.key("a");
    expect(opened.requests).toEqual([{ kind: "everything", points_per_side: null }]);
  });

  it("go on in the list from the object that was accepted last", () => {
    const objects = [object(), object({ id: 2 }), object({ id: 3 })];
    opened.sendMask("m1");
    opened.show(objects, 2);
    opened.show(objects, null);
    opened.key("]");
    opened.done();
    opened.key("[");
    opened.done();
    opened.show([objects[0] as ObjectSummary, objects[2] as ObjectSummary], null);
    opened.key("]");
    expect(opened.requests.map((request) => request.kind === "select" && request.object)).toEqual([3, 2, 1]);
  });

  it("go on from the object that was asked for, while it is on its way", () => {
    opened.show([object(), object({ id: 2 }), object({ id: 3 })]);
    for (const key of ["]", "Enter", "]", "]", "Enter", "["]) opened.key(key);
    const selected = opened.requests.flatMap((request) => (request.kind === "select" ? [request.object] : []));
    expect(selected).toEqual([1, 2, 3, 3]);
  });

  it("ask nothing where there is nothing to do", () => {
    for (const key of ["Enter", "Delete", "1", "]"]) opened.key(key);
    expect(opened.requests).toEqual([]);
  });

  it("choose among the candidates that there are", () => {
    const candidates = [0.9, 0.8].map((score, i) => ({ mask: `m${i}`, score }));
    opened.fake.change("document", { ...opened.fake.traits.document, objects: [object()], active: 1, candidates });
    opened.key("2");
    opened.key("3");
    expect(opened.requests).toEqual([{ kind: "choose", level: 1 }]);
  });

  it("zoom about the crosshair, or else the middle, and fit again", () => {
    opened.key("+");
    expect(opened.view.state.viewport.value).toEqual({ scale: 1.875, x: -112.5, y: -75 });
    opened.key("o");
    expect(opened.view.state.viewport.value).toEqual({ scale: 1, x: 150, y: 100 });
    opened.key("0");
    expect(opened.view.state.viewport.value).toEqual({ scale: 1.5, x: 0, y: 0 });
    opened.view.state.crosshair.value = { x: 0, y: 0 };
    opened.key("+");
    expect(opened.view.state.viewport.value).toEqual({ scale: 1.875, x: 0, y: 0 });
  });

  it("are all off without the focus", () => {
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true }));
    expect(opened.requests).toEqual([]);
  });
});
