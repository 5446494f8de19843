import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { FoundObject } from "../../src/protocol.ts";
import { currentTool } from "../../src/tools/current.ts";
import { FRAME, mask } from "../fakes.ts";
import { OpenedView, object } from "../opened_view.ts";

let opened: OpenedView;
/** Inside and outside the mask that the fake kernel sends, image pixels. */
const INSIDE = { x: 55, y: 100 };
const OUTSIDE = { x: 300, y: 300 };

beforeEach(() => {
  opened = new OpenedView();
});

afterEach(() => opened.scope.end());

const hint = () => currentTool(opened.view).hint(opened.view);

describe("select", () => {
  beforeEach(() => {
    opened.fake.change("tool", "select");
    opened.sendMask("m1");
  });

  it.each([0.5, 1.5, 8])("makes the object under the pointer active, at a scale of %d", (scale) => {
    opened.show([object()]);
    opened.view.state.viewport.value = { scale, x: 30, y: -20 };
    opened.click(INSIDE);
    expect(opened.requests).toEqual([{ kind: "select", object: 1 }]);
  });

  it("takes the uppermost of several: the active one, or else the last", () => {
    opened.show([object(), object({ id: 2 })]);
    opened.click(INSIDE);
    expect(opened.last).toEqual({ kind: "select", object: 2 });
  });

  it("does not see hidden objects, nor masks that have not arrived", () => {
    opened.show([object({ visible: false }), object({ id: 2, mask: "m2" })]);
    opened.click(INSIDE);
    expect(opened.requests).toEqual([{ kind: "hello" }]); // for the missing mask
  });

  it("accepts the active object beside all masks, and asks nothing on it", () => {
    opened.show([object()], 1);
    opened.click(INSIDE);
    expect(opened.requests).toEqual([]);
    opened.click(OUTSIDE);
    expect(opened.requests).toEqual([{ kind: "accept" }]);
  });

  it("moves the photo by a drag", () => {
    opened.show([object()]);
    opened.view.state.viewport.value = { scale: 4, x: -100, y: -100 };
    opened.drag(INSIDE, { x: 60, y: 110 });
    expect(opened.requests).toEqual([]);
    expect(opened.view.state.viewport.value.scale).toBe(4);
    expect(opened.view.state.viewport.value.x).not.toBe(-100);
  });
});

describe("pan", () => {
  beforeEach(() => opened.fake.change("tool", "pan"));

  it("moves the photo with the pointer, and asks nothing", () => {
    opened.view.state.viewport.value = { scale: 3, x: -300, y: -300 };
    opened.pointerAt("down", { x: 400, y: 300 });
    opened.pointerAt("move", { x: 380, y: 311 });
    opened.pointerAt("move", { x: 371, y: 305 });
    opened.pointerAt("up", { x: 371, y: 305 });
    expect(opened.view.state.viewport.value).toEqual({ scale: 3, x: -329, y: -295 });
    expect(opened.view.state.isFitted.value).toBe(false);
    expect(opened.requests).toEqual([]);
  });

  it("leaves a fitted photo fitted after a click", () => {
    opened.click(INSIDE);
    expect(opened.view.state.isFitted.value).toBe(true);
    expect(opened.requests).toEqual([]);
  });
});

describe("box", () => {
  beforeEach(() => opened.fake.change("tool", "box"));

  it("draws a box and nothing else", () => {
    opened.click(INSIDE);
    expect(opened.requests).toEqual([]);
    opened.drag({ x: 10, y: 20 }, { x: 110, y: 220 });
    expect(opened.requests).toEqual([{ kind: "add_box", box: [10, 20, 110, 220] }]);
    expect(opened.view.state.prompts.value.boxes).toEqual([{ box: [10, 20, 110, 220], isPending: true }]);
  });

  it("excludes a point at a right-click, and draws no box with the right button", () => {
    opened.show([object()], 1);
    opened.click(INSIDE, { button: 2 });
    expect(opened.requests).toEqual([{ kind: "add_point", ...INSIDE, label: 0 }]);
  });

  it("says what comes next", () => {
    expect(hint()).toBe("Drag a box around an object · right-click to exclude");
    opened.view.state.corner.value = INSIDE;
    expect(hint()).toBe("Move the crosshair · Space sets the other corner");
  });
});

describe("pick", () => {
  const cup: FoundObject = {
    id: 4,
    mask: "m4",
    colour: "#7048e8",
    score: 0.9,
    stability: 0.97,
    area: 1500,
    box: [46, 93, 66, 108],
  };
  const tray: FoundObject = { ...cup, id: 5, mask: "m5", area: 90_000, score: 0.8 };

  beforeEach(() => {
    const masks = [mask("m4"), mask("m5", 60, 60)];
    opened.fake.receive(
      {
        kind: "found",
        image: "a",
        search: "s1",
        search_kind: "everything",
        phase: "done",
        done: 16,
        total: 16,
        is_whole: true,
        frame: FRAME,
        added: [tray, cup],
        removed: [],
        masks: masks.map(({ header }) => header),
      },
      masks.map(({ buffer }) => buffer),
    );
  });

  const kept = () => [...opened.session.everything.keptIds.value];

  it("drops the smallest found object under the pointer, and takes it back, whatever tool is set", () => {
    opened.fake.change("tool", "box");
    opened.click(INSIDE);
    expect(kept()).toEqual([5]);
    opened.click(INSIDE);
    expect(kept()).toEqual([5, 4]);
    opened.click({ x: 200, y: 200 });
    expect(kept()).toEqual([4]);
    opened.click({ x: 500, y: 380 });
    expect(kept()).toEqual([4]);
    expect(opened.requests).toEqual([]);
  });

  it("says what a click does, and on what", () => {
    expect(hint()).toBe("Click a mask to drop it, or to take it back");
    opened.pointer("move", INSIDE);
    expect(opened.view.state.pointedId.value).toBe(4);
    expect(hint()).toBe("Score 0.90 · 1\u2009500 px · click to drop it");
    opened.click(INSIDE);
    expect(hint()).toContain("click to take it");
  });

  it("moves the photo by a drag", () => {
    opened.drag(INSIDE, { x: 90, y: 120 });
    expect(kept()).toEqual([5, 4]);
    expect(opened.view.state.isFitted.value).toBe(false);
  });
});
