import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { currentTool } from "../../src/tools/current.ts";
import { OpenedView, object } from "../opened_view.ts";

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
  opened.sendMask("m1");
  opened.show([object()], 1);
});

afterEach(() => opened.scope.end());

const drawn = () => opened.view.state.polygon.value?.points ?? null;
const hint = () => currentTool(opened.view).hint(opened.view);
const A = { x: 100, y: 100 };
const B = { x: 200, y: 100 };
const C = { x: 150, y: 200 };
const FILLED = {
  kind: "fill_polygon",
  object: 1,
  points: [
    [100, 100],
    [200, 100],
    [150, 200],
  ],
  erase: false,
};

describe("the lasso", () => {
  beforeEach(() => opened.fake.change("tool", "lasso"));

  const draw = (init: PointerEventInit = {}) => {
    opened.pointer("down", A, init);
    for (const at of [B, C]) opened.pointer("move", at, init);
    opened.pointer("up", C, init);
  };

  it("takes what it encloses when it is let go", () => {
    draw();
    expect(opened.requests).toEqual([FILLED]);
    expect(opened.view.state.draft.value).toBeNull();
  });

  it("takes away with Alt", () => {
    draw({ altKey: true });
    expect(opened.last).toEqual({ ...FILLED, erase: true });
  });

  it("does nothing by a click, nor by a line that encloses nothing", () => {
    opened.click(A);
    opened.drag(A, B);
    expect(opened.requests).toEqual([]);
  });

  it("stays inside the photo", () => {
    opened.pointer("down", A);
    opened.pointer("move", { x: -50, y: 150 });
    opened.pointer("up", C);
    expect(opened.last).toMatchObject({
      points: [
        [100, 100],
        [0, 150],
        [150, 200],
      ],
    });
  });
});

describe("the polygon", () => {
  beforeEach(() => {
    opened.fake.change("tool", "polygon");
    for (const at of [A, B, C]) opened.click(at);
  });

  it("has a corner for each click", () => {
    expect(drawn()).toEqual([A, B, C]);
    expect(opened.requests).toEqual([]);
  });

  it.each([
    ["Enter", () => opened.key("Enter")],
    ["a double click", () => opened.click(C)],
    ["a click on the first corner", () => opened.click({ x: 102, y: 101 })],
  ])("is closed by %s", (_, close) => {
    close();
    expect(opened.requests).toEqual([FILLED]);
    expect(drawn()).toBeNull();
  });

  it("needs three corners", () => {
    opened.key("Backspace");
    opened.key("Enter");
    expect(opened.requests).toEqual([]);
    expect(drawn()).toEqual([A, B]);
  });

  it("loses its last corner by Backspace, and then the next one deletes the object", () => {
    for (const left of [[A, B], [A], null]) {
      opened.key("Backspace");
      expect(drawn()).toEqual(left);
    }
    expect(opened.requests).toEqual([]);
    opened.key("Backspace");
    expect(opened.last?.kind).toMatch(/^delete/);
  });

  it("is dropped by Escape, and by another tool", () => {
    opened.key("Escape");
    expect(drawn()).toBeNull();
    opened.click(A);
    opened.fake.change("tool", "brush");
    expect(drawn()).toBeNull();
    expect(opened.requests).toEqual([]);
  });

  it("has corners that can be dragged", () => {
    opened.drag(B, { x: 250, y: 90 });
    expect(drawn()).toEqual([A, { x: 250, y: 90 }, C]);
  });

  it("takes away where a corner was set with Alt", () => {
    opened.key("Escape");
    opened.click(A, { altKey: true });
    for (const at of [B, C]) opened.click(at);
    opened.key("Enter");
    expect(opened.last).toEqual({ ...FILLED, erase: true });
  });

  it("says what comes next", () => {
    expect(hint()).toContain("Enter or double-click closes it");
    opened.key("Escape");
    expect(hint()).toContain("Click from corner to corner");
  });

  it("is drawn with the keyboard, too", () => {
    opened.key("Escape");
    for (const at of [A, B, C]) {
      opened.view.state.crosshair.value = at;
      opened.space();
    }
    opened.key("Enter");
    expect(opened.requests).toEqual([FILLED]);
  });
});

describe("the scribble", () => {
  beforeEach(() => opened.fake.change("tool", "scribble"));

  it("becomes points of the prompt, to exclude with Alt", () => {
    opened.pointer("down", A);
    opened.pointer("move", B);
    expect(opened.view.state.draft.value).toMatchObject({ kind: "scribble", label: 1 });
    opened.pointer("up", C);
    expect(opened.last).toEqual({ kind: "scribble", points: FILLED.points, label: 1 });
    opened.click(A, { altKey: true });
    expect(opened.last).toMatchObject({ kind: "scribble", label: 0 });
  });

  it("begins on the photo", () => {
    opened.drag({ x: -20, y: 50 }, B);
    expect(opened.requests).toEqual([]);
  });
});
