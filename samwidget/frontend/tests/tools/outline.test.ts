import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { setDetail } from "../../src/commands/outline.ts";
import { isChanged, shownPolygons } from "../../src/outline.ts";
import type { WeightedCorner } from "../../src/protocol.ts";
import { currentTool } from "../../src/tools/current.ts";
import { OpenedView, object } from "../opened_view.ts";

let opened: OpenedView;

const SQUARE: WeightedCorner[] = [
  [100, 100, 900],
  [200, 100, 900],
  [200, 200, 900],
  [100, 200, 2],
];
const [A, B] = [
  { x: 100, y: 100 },
  { x: 200, y: 100 },
];
const MOVED = { x: 220, y: 80 };

/** The kernel replies to the newest request for polygons. */
const reply = (polygons: WeightedCorner[][] = [SQUARE]) => {
  const re = opened.fake.last("polygons").id;
  opened.fake.receive({ kind: "polygons", re, polygons });
  opened.fake.receive({ kind: "done", re });
};
const draft = () => opened.view.state.outline.value;
const corners = () =>
  draft() &&
  shownPolygons(draft() as NonNullable<ReturnType<typeof draft>>).map((all) => all.map(({ x, y }) => [x, y]));
const kinds = () => opened.requests.map(({ kind }) => kind);
const hint = () => currentTool(opened.view).hint(opened.view);
const isDraftChanged = () => draft() !== null && isChanged(draft() as NonNullable<ReturnType<typeof draft>>);

beforeEach(() => {
  opened = new OpenedView();
  opened.sendMask("m1");
  opened.sendMask("m2");
  opened.show([object(), object({ id: 2, mask: "m2" })], 1);
  opened.fake.change("tool", "outline");
});

afterEach(() => opened.scope.end());

describe("the corners", () => {
  it("are asked for once, of the active object", () => {
    expect(opened.requests).toEqual([{ kind: "polygons", object: 1 }]);
    reply();
    expect(corners()).toEqual([SQUARE.map(([x, y]) => [x, y])]);
    expect(opened.session.link.pending.value).toEqual([]);
    expect(kinds()).toEqual(["polygons"]);
  });

  it("are not asked for while the object is locked or hidden, or where none is active", () => {
    reply();
    const before = opened.requests.length;
    opened.show([object({ locked: true })], 1);
    expect(hint()).toContain("locked");
    expect(draft()).toBeNull();
    opened.show([object({ visible: false })], 1);
    opened.show([object()], null);
    expect(hint()).toContain("Click an object");
    expect(opened.requests.length).toBe(before);
  });

  it("come anew with another mask, and those of before stay until then", () => {
    reply();
    opened.show([object({ mask: "m2" })], 1);
    expect(kinds()).toEqual(["polygons", "polygons"]);
    expect(corners()?.[0]).toHaveLength(4);
    reply([SQUARE.slice(0, 3)]);
    expect(corners()?.[0]).toHaveLength(3);
  });

  it("of an object that is no longer wanted are left aside", () => {
    opened.show([object(), object({ id: 2, mask: "m2" })], null);
    reply();
    expect(draft()).toBeNull();
  });

  it("can be had by the letter, and dragged at once", () => {
    opened.fake.change("tool", "include");
    opened.type("u");
    reply();
    setDetail(opened.view, 20);
    opened.drag(B, MOVED);
    expect(opened.view.state.naming.value).toBeNull();
    expect(corners()?.[0]).toContainEqual([220, 80]);
  });

  it("go again where the letter begins a name", () => {
    opened.fake.change("tool", "include");
    expect(draft()).toBeNull();
    opened.type("u");
    reply();
    expect(corners()?.[0]).toHaveLength(4);
    opened.type("m");
    expect(opened.session.settings.tool.value).toBe("include");
    expect(draft()).toBeNull();
  });
});

describe("a gesture", () => {
  beforeEach(() => {
    reply();
    setDetail(opened.view, 20);
    opened.fake.sent.length = 0;
  });

  it("drags a corner, which is drawn at once and kept by Enter as one step", () => {
    opened.pointer("down", B);
    opened.pointer("move", MOVED);
    const shown = opened.view.state.corrections.value;
    expect(shown).toMatchObject({ object: { id: 1 }, corrections: [{ kind: "outline" }] });
    expect(opened.view.state.correctedId.value).toBe(1);
    opened.pointer("up", MOVED);
    expect(opened.requests).toEqual([]);
    expect(hint()).toContain("Enter keeps");
    opened.key("Enter");
    const polygons = [
      [
        [200, 200],
        [100, 200],
        [100, 100],
        [220, 80],
      ],
    ];
    expect(opened.requests).toEqual([{ kind: "set_polygons", object: 1, polygons }]);
    expect(opened.view.state.corrections.value.corrections).toEqual([
      { kind: "outline", polygons: [polygons[0]?.map(([x, y]) => ({ x, y }))] },
    ]);
  });

  it("stays inside the photo", () => {
    opened.drag(B, { x: 900, y: -50 });
    expect(corners()?.[0]?.at(-1)).toEqual([600, 0]);
  });

  it("adds a corner on an edge, and drags it", () => {
    opened.click({ x: 150, y: 101 });
    expect(corners()?.[0]).toHaveLength(5);
    opened.drag({ x: 200, y: 150 }, { x: 260, y: 150 });
    expect(corners()?.[0]).toHaveLength(6);
    expect(corners()?.[0]?.at(-1)).toEqual([260, 150]);
  });

  it("removes a corner with Alt, and with Delete the one that was pressed last", () => {
    opened.click(A, { altKey: true });
    expect(corners()?.[0]).toHaveLength(3);
    expect(opened.requests).toEqual([]);
    opened.key("Escape");
    opened.click(B);
    opened.key("Delete");
    expect(corners()?.[0]).toHaveLength(3);
  });

  it("says that an outline needs three corners", () => {
    opened.click(A, { altKey: true });
    opened.click(B, { altKey: true });
    expect(corners()?.[0]).toHaveLength(3);
    expect(opened.session.failure.value?.message).toContain("three corners");
  });

  it("without a corner under it selects an object or moves the photo", () => {
    opened.click({ x: 500, y: 300 });
    expect(kinds()).toEqual(["accept"]);
  });

  it("leaves the mask as it was by Escape, and in the middle of it", () => {
    opened.pointer("down", B);
    opened.pointer("move", MOVED);
    opened.key("Escape");
    expect(isDraftChanged()).toBe(false);
    opened.drag(B, MOVED);
    opened.key("Escape");
    expect(isDraftChanged()).toBe(false);
    expect(opened.view.state.corrections.value.corrections).toEqual([]);
    opened.key("Enter");
    expect(kinds()).toEqual(["accept"]);
  });

  it("is taken back by undo, one after the other, before any step of the document", () => {
    opened.drag(B, MOVED);
    opened.click({ x: 100, y: 150 });
    expect(corners()?.[0]).toHaveLength(5);
    opened.key("z", { ctrlKey: true });
    expect(corners()?.[0]).toHaveLength(4);
    opened.key("z", { ctrlKey: true });
    expect(isDraftChanged()).toBe(false);
    expect(opened.requests).toEqual([]);
    opened.key("z", { ctrlKey: true });
    expect(kinds()).toEqual(["undo"]);
  });

  it("has larger targets for a finger", () => {
    const near = { x: B.x + 8, y: B.y - 8 };
    opened.drag(near, MOVED);
    expect(isDraftChanged()).toBe(false);
    opened.drag(near, MOVED, { pointerType: "touch" });
    expect(isDraftChanged()).toBe(true);
  });

  it("has a keyboard way", () => {
    const use = (at: { x: number; y: number }) => {
      opened.view.state.crosshair.value = at;
      opened.space();
    };
    use(B);
    use(MOVED);
    expect(corners()?.[0]).toContainEqual([220, 80]);
    use({ x: 100, y: 150 });
    expect(corners()?.[0]).toHaveLength(5);
  });
});

describe("what was done to an outline", () => {
  beforeEach(() => {
    reply();
    opened.fake.sent.length = 0;
    opened.drag(B, MOVED);
  });

  it.each([
    ["another tool", () => opened.fake.change("tool", "brush"), ["set_polygons"]],
    ["another object", () => opened.view.request({ kind: "select", object: 2 }), ["set_polygons", "select"]],
    [
      "a slider",
      () => opened.view.request({ kind: "adjust", object: 1, operation: "grow", amount: 1, continues: false }),
      ["set_polygons", "adjust"],
    ],
  ])("is kept by %s", (_, go, expected) => {
    go();
    expect(kinds()).toEqual(expected);
  });

  it("comes back where the kernel refuses it", () => {
    opened.key("Enter");
    const re = opened.fake.last("set_polygons").id;
    opened.fake.receive({ kind: "error", re, code: "prompt", message: "Nothing would be left.", hint: "" });
    expect(isDraftChanged()).toBe(true);
    expect(opened.session.failure.value?.message).toContain("Nothing");
  });

  it("is dropped with a message where the object was changed elsewhere, or is gone", () => {
    opened.show([object({ mask: "m2" })], 1);
    expect(opened.session.failure.value?.code).toBe("outline_changed");
    expect(isDraftChanged()).toBe(false);
    expect(kinds()).toEqual(["polygons"]);
    reply();
    opened.drag(B, MOVED);
    opened.show([], null);
    expect(draft()).toBeNull();
    opened.key("Enter");
    expect(kinds()).toEqual(["polygons"]);
  });

  it("goes on while the kernel is at work on what was kept", () => {
    opened.key("Enter");
    opened.drag(A, { x: 80, y: 90 });
    opened.show([object({ mask: "m2" })], 1);
    opened.done();
    expect(opened.session.failure.value).toBeNull();
    expect(corners()?.[0]).toContainEqual([80, 90]);
    opened.key("Enter");
    expect(kinds()).toEqual(["set_polygons", "set_polygons"]);
  });

  it("is sent once, and the new outline keeps the detail", () => {
    setDetail(opened.view, 7);
    opened.key("Enter");
    opened.key("Enter");
    expect(kinds()).toEqual(["set_polygons", "accept"]);
    opened.done();
    opened.done();
    opened.show([object({ mask: "m2" })], 1);
    reply();
    expect(draft()).toMatchObject({ detail: 7, mask: "m2" });
  });
});
