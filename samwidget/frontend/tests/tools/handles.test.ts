import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { handles } from "../../src/stage/prompts.ts";
import { resized } from "../../src/tools/handles.ts";
import { OpenedView, object } from "../opened_view.ts";

let opened: OpenedView;
const WITH_POINTS = object({
  points: [
    [50, 60, 1],
    [150, 60, 0],
  ],
});
const WITH_BOX = object({ prompt_box: [100, 100, 200, 300] });

beforeEach(() => {
  opened = new OpenedView();
});

afterEach(() => opened.scope.end());

describe("a point of the active object", () => {
  beforeEach(() => opened.show([WITH_POINTS], 1));

  it("is moved by a drag, and shown there meanwhile", () => {
    opened.pointer("down", { x: 151, y: 61 });
    opened.pointer("move", { x: 170, y: 90 });
    expect(opened.view.state.draft.value).toEqual({ kind: "point", index: 1, at: { x: 170, y: 90 } });
    expect(opened.view.state.prompts.value.points[1]?.at).toEqual({ x: 170, y: 90 });
    opened.pointer("up", { x: 180, y: 95 });
    expect(opened.requests).toEqual([{ kind: "move_point", index: 1, x: 180, y: 95 }]);
    expect(opened.view.state.draft.value).toBeNull();
  });

  it("cannot be moved out of the image", () => {
    opened.drag({ x: 50, y: 60 }, { x: -80, y: 500 });
    expect(opened.last).toEqual({ kind: "move_point", index: 0, x: 0, y: 400 });
  });

  it("is removed by a click", () => {
    opened.click({ x: 50, y: 60 });
    expect(opened.requests).toEqual([{ kind: "remove_point", index: 0 }]);
  });

  it.each([0.5, 1.5, 8])(
    "is reached at the same distance on the screen at a scale of %d, further by a finger",
    (scale) => {
      const clickBeside = (distance_px: number, pointerType: string) => {
        opened.show([WITH_POINTS], 1);
        opened.view.state.viewport.value = { scale, x: 0, y: 0 };
        opened.click({ x: 50 + distance_px / scale, y: 60 }, { pointerType });
        const kind = opened.last?.kind;
        opened.fake.receive({ kind: "done", re: opened.fake.sent.at(-1)?.id });
        return kind;
      };
      expect(clickBeside(8, "mouse")).toBe("remove_point");
      expect(clickBeside(12, "mouse")).toBe("add_point");
      expect(clickBeside(12, "touch")).toBe("remove_point");
      expect(clickBeside(20, "touch")).toBe("add_point");
    },
  );

  it("can be excluded: the right button does not take it", () => {
    opened.click({ x: 50, y: 60 }, { button: 2 });
    expect(opened.requests).toEqual([{ kind: "add_point", x: 50, y: 60, label: 0 }]);
  });

  it("cannot be taken before the kernel has confirmed it", () => {
    opened.click({ x: 300, y: 200 });
    expect(opened.view.state.prompts.value.points.at(-1)).toMatchObject({ at: { x: 300, y: 200 }, isPending: true });
    opened.click({ x: 300, y: 200 });
    expect(opened.requests.map(({ kind }) => kind)).toEqual(["add_point", "add_point"]);
  });
});

describe("the box of the active object", () => {
  beforeEach(() => opened.show([WITH_BOX], 1));

  it("is resized at a corner, and at a side", () => {
    opened.drag({ x: 200, y: 300 }, { x: 260, y: 320 });
    expect(opened.last).toEqual({ kind: "move_box", box: [100, 100, 260, 320] });
    opened = new OpenedView();
    opened.show([WITH_BOX], 1);
    opened.drag({ x: 100, y: 200 }, { x: 60, y: 390 });
    expect(opened.last).toEqual({ kind: "move_box", box: [60, 100, 200, 300] });
  });

  it("is removed by a click on a handle", () => {
    opened.click({ x: 100, y: 100 });
    expect(opened.requests).toEqual([{ kind: "remove_box" }]);
  });

  it("takes a click inside it as a point", () => {
    opened.click({ x: 150, y: 150 });
    expect(opened.requests).toEqual([{ kind: "add_point", x: 150, y: 150, label: 1 }]);
  });

  it("stays when it would be empty", () => {
    opened.drag({ x: 200, y: 200 }, { x: 100, y: 250 });
    expect(opened.requests).toEqual([]);
  });

  it("may be drawn inside out", () => {
    const corner = { x: 1, y: 1, at: { x: 0, y: 0 } } as const;
    expect(resized([100, 100, 200, 300], corner, { x: 40, y: 400 })).toEqual([40, 100, 100, 400]);
  });

  it("has handles at its sides only where there is room on the screen", () => {
    const count = (scale: number) => handles({ scale, x: 0, y: 0 }, [0, 0, 100, 30]).length;
    expect([0.2, 1, 2].map(count)).toEqual([4, 6, 8]);
  });
});
