import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { toImage, type Viewport } from "../../src/viewport.ts";
import { OpenedView, object, PHOTO, STAGE } from "../opened_view.ts";

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
});

afterEach(() => opened.scope.end());

const viewportOf = ({ view }: OpenedView) => view.state.viewport.value;
const setViewport = (viewport: Viewport) => {
  opened.view.state.viewport.value = viewport;
};

describe("a click", () => {
  it("adds a point where it is made, in image pixels", () => {
    // The photo is fitted: 1.5 CSS pixels for each image pixel, from the stage's corner at (100, 50).
    opened.pointerAt("down", { x: 100 + 300, y: 50 + 150 });
    opened.pointerAt("up", { x: 100 + 300, y: 50 + 150 });
    expect(opened.requests).toEqual([{ kind: "add_point", x: 200, y: 100, label: 1 }]);
  });

  it.each([
    { scale: 0.5, x: 300, y: 200 },
    { scale: 1, x: 0, y: 0 },
    { scale: 3.7, x: -211.5, y: -80.25 },
    { scale: 32, x: -9000, y: -6000 },
  ])("lands where it is made at a scale of $scale", (viewport) => {
    setViewport(viewport);
    const client = { x: STAGE.left + 350.5, y: STAGE.top + 260 };
    opened.pointerAt("down", client);
    opened.pointerAt("up", client);
    const { x, y } = opened.last as { x: number; y: number };
    expect(x).toBeCloseTo((350.5 - viewport.x) / viewport.scale);
    expect(y).toBeCloseTo((260 - viewport.y) / viewport.scale);
  });

  it("lands where it is made under a CSS transform", () => {
    // Twice as large on the screen, while the stage's own size stays.
    opened.stage.getBoundingClientRect = () => new DOMRect(10, 20, 2 * STAGE.width, 2 * STAGE.height);
    opened.pointerAt("down", { x: 10 + 600, y: 20 + 300 });
    opened.pointerAt("up", { x: 10 + 600, y: 20 + 300 });
    expect(opened.last).toEqual({ kind: "add_point", x: 200, y: 100, label: 1 });
  });

  it.each([
    ["the right button", { button: 2 }],
    ["Alt", { altKey: true }],
    ["Ctrl, as on a Mac", { ctrlKey: true }],
  ])("excludes with %s", (_, init) => {
    opened.click({ x: 30, y: 40 }, init);
    expect(opened.requests).toEqual([{ kind: "add_point", x: 30, y: 40, label: 0 }]);
  });

  it("includes with Shift, also when the tool is Exclude", () => {
    opened.fake.change("tool", "exclude");
    opened.click({ x: 30, y: 40 });
    opened.click({ x: 90, y: 40 }, { shiftKey: true });
    expect(opened.requests).toMatchObject([{ label: 0 }, { label: 1 }]);
  });

  it("may move a little, and not more", () => {
    opened.drag({ x: 30, y: 40 }, { x: 32, y: 41 });
    expect(opened.last?.kind).toBe("add_point");
    opened.drag({ x: 30, y: 40 }, { x: 33, y: 41 });
    expect(opened.last?.kind).toBe("add_box");
  });

  it("asks nothing outside the image, nor before there is one", () => {
    setViewport({ scale: 1, x: 100, y: 100 });
    opened.click({ x: -20, y: 50 });
    opened.click({ x: PHOTO.size.width, y: 50 });
    opened.session.photo.value = null;
    opened.click({ x: 50, y: 50 });
    expect(opened.requests).toEqual([]);
  });

  it("gives the photo the focus, and hides the crosshair", () => {
    opened.view.state.crosshair.value = { x: 1, y: 1 };
    opened.view.state.corner.value = { x: 2, y: 2 };
    opened.pointer("down", { x: 30, y: 40 });
    expect(document.activeElement).toBe(opened.stage);
    expect(opened.view.state.hasFocus.value).toBe(true);
    expect([opened.view.state.crosshair.value, opened.view.state.corner.value]).toEqual([null, null]);
  });

  it("opens no menu", () => {
    const event = new MouseEvent("contextmenu", { cancelable: true });
    opened.stage.dispatchEvent(event);
    expect(event.defaultPrevented).toBe(true);
  });
});

describe("a drag", () => {
  it("draws a box, from any corner", () => {
    opened.pointer("down", { x: 200, y: 150 });
    opened.pointer("move", { x: 120, y: 60 });
    expect(opened.view.state.draft.value).toEqual({ kind: "box", box: [120, 60, 200, 150] });
    expect(opened.view.state.isGesturing.value).toBe(true);
    opened.pointer("up", { x: 100, y: 50 });
    expect(opened.requests).toEqual([{ kind: "add_box", box: [100, 50, 200, 150] }]);
    expect(opened.view.state.draft.value).toBeNull();
    expect(opened.view.state.isGesturing.value).toBe(false);
  });

  it("ends at the edge of the image", () => {
    opened.drag({ x: 500, y: 300 }, { x: 700, y: 500 });
    expect(opened.last).toEqual({ kind: "add_box", box: [500, 300, 600, 400] });
  });

  it("asks nothing for a line", () => {
    opened.drag({ x: 100, y: 100 }, { x: 200, y: 100 });
    expect(opened.requests).toEqual([]);
  });

  it("with the right button asks for a point where it ends, and no box", () => {
    opened.drag({ x: 100, y: 100 }, { x: 200, y: 150 }, { button: 2 });
    expect(opened.requests).toEqual([{ kind: "add_point", x: 200, y: 150, label: 0 }]);
  });

  it("keeps the pointer, so that it may leave the stage", () => {
    const capture = vi.fn<(id: number) => void>();
    opened.stage.setPointerCapture = capture;
    opened.pointer("down", { x: 1, y: 1 }, { pointerId: 7 });
    expect(capture).toHaveBeenCalledWith(7);
  });

  it.each([
    ["Escape", () => opened.key("Escape")],
    ["the browser", () => opened.pointer("cancel", { x: 200, y: 150 })],
    ["a lost capture", () => opened.stage.dispatchEvent(new PointerEvent("lostpointercapture", { pointerId: 1 }))],
    ["the end of the view", () => opened.scope.end()],
  ])("is cancelled by %s, and asks nothing", (_, cancel) => {
    opened.pointer("down", { x: 100, y: 100 });
    opened.pointer("move", { x: 200, y: 150 });
    cancel();
    expect(opened.view.state.draft.value).toBeNull();
    opened.pointer("up", { x: 200, y: 150 });
    expect(opened.requests).toEqual([]);
  });

  it("belongs to one pointer: others are ignored meanwhile", () => {
    opened.pointer("down", { x: 100, y: 100 });
    opened.pointer("down", { x: 10, y: 10 }, { pointerId: 2 });
    opened.pointer("up", { x: 10, y: 10 }, { pointerId: 2 });
    opened.pointer("move", { x: 200, y: 150 });
    opened.pointer("up", { x: 200, y: 150 });
    expect(opened.requests).toEqual([{ kind: "add_box", box: [100, 100, 200, 150] }]);
  });

  it.each([
    ["the middle button", { button: 1 }],
    ["the space bar", {}],
  ])("with %s moves the photo and asks nothing", (name, init) => {
    setViewport({ scale: 3, x: -300, y: -300 });
    if (name === "the space bar") opened.key(" ");
    opened.pointerAt("down", { x: 400, y: 300 }, init);
    expect(opened.view.state.isPanning.value).toBe(true);
    opened.pointerAt("move", { x: 430, y: 280 }, init);
    opened.pointerAt("up", { x: 430, y: 280 }, init);
    expect(viewportOf(opened)).toEqual({ scale: 3, x: -270, y: -320 });
    expect(opened.view.state.isPanning.value).toBe(false);
    // The space bar was held for the drag: it does not use the tool when it comes up.
    opened.key(" ", {}, "keyup");
    expect(opened.requests).toEqual([]);
    expect(opened.view.state.crosshair.value).toBeNull();
  });
});

describe("two fingers", () => {
  const touch = (id: number) => ({ pointerType: "touch", pointerId: id });

  it("zoom about their middle, and cancel what the first one began", () => {
    setViewport({ scale: 2, x: -100, y: -100 });
    opened.pointerAt("down", { x: 500, y: 300 }, touch(1));
    opened.pointerAt("move", { x: 520, y: 300 }, touch(1));
    expect(opened.view.state.draft.value).toBeNull();
    opened.pointerAt("down", { x: 620, y: 300 }, touch(2));
    const about = { x: 570 - STAGE.left, y: 300 - STAGE.top };
    const before = toImage(viewportOf(opened), about);
    opened.pointerAt("move", { x: 470, y: 300 }, touch(1));
    opened.pointerAt("move", { x: 670, y: 300 }, touch(2));
    expect(viewportOf(opened).scale).toBeCloseTo(4);
    expect(toImage(viewportOf(opened), about).x).toBeCloseTo(before.x);
    expect(toImage(viewportOf(opened), about).y).toBeCloseTo(before.y);
    opened.pointerAt("up", { x: 470, y: 300 }, touch(1));
    opened.pointerAt("up", { x: 670, y: 300 }, touch(2));
    expect(opened.requests).toEqual([]);
  });

  it("move the photo when they move together", () => {
    setViewport({ scale: 4, x: -600, y: -500 });
    opened.pointerAt("down", { x: 400, y: 300 }, touch(1));
    opened.pointerAt("down", { x: 500, y: 300 }, touch(2));
    opened.pointerAt("move", { x: 430, y: 310 }, touch(1));
    opened.pointerAt("move", { x: 530, y: 310 }, touch(2));
    const { scale, x, y } = viewportOf(opened);
    expect(scale).toBeCloseTo(4);
    expect(x).toBeCloseTo(-570);
    expect(y).toBeCloseTo(-490);
  });

  it("leave the tool to the next single finger", () => {
    opened.pointerAt("down", { x: 400, y: 300 }, touch(1));
    opened.pointerAt("down", { x: 500, y: 300 }, touch(2));
    opened.pointerAt("up", { x: 400, y: 300 }, touch(1));
    opened.pointerAt("up", { x: 500, y: 300 }, touch(2));
    opened.click({ x: 30, y: 40 }, touch(3));
    expect(opened.requests).toEqual([{ kind: "add_point", x: 30, y: 40, label: 1 }]);
  });
});

describe("the wheel", () => {
  // The WheelEvent of happy-dom has neither a position nor keys.
  const wheel = ({ deltaY, deltaMode = WheelEvent.DOM_DELTA_PIXEL, ...init }: WheelEventInit) => {
    const mouse = new MouseEvent("wheel", { bubbles: true, cancelable: true, clientX: 400, clientY: 300, ...init });
    const event = Object.assign(mouse, { deltaY, deltaMode });
    opened.stage.dispatchEvent(event);
    return event.defaultPrevented;
  };
  const about = { x: 400 - STAGE.left, y: 300 - STAGE.top };

  it("scrolls the page while the widget does not have the focus", () => {
    const before = viewportOf(opened);
    expect(wheel({ deltaY: -100 })).toBe(false);
    expect(viewportOf(opened)).toEqual(before);
  });

  it.each([
    ["Ctrl", { ctrlKey: true }],
    ["Cmd", { metaKey: true }],
  ])("zooms with %s about the pointer", (_, init) => {
    const before = toImage(viewportOf(opened), about);
    expect(wheel({ deltaY: -120, ...init })).toBe(true);
    expect(viewportOf(opened).scale).toBeGreaterThan(1.5);
    expect(toImage(viewportOf(opened), about).x).toBeCloseTo(before.x);
    expect(toImage(viewportOf(opened), about).y).toBeCloseTo(before.y);
    expect(opened.view.state.isFitted.value).toBe(false);
  });

  it("scrolls the page while the whole photo is in sight, also after a click", () => {
    opened.click({ x: 200, y: 100 });
    for (const scale of [1.5, 1]) {
      setViewport({ scale, x: 0, y: 0 });
      expect(wheel({ deltaY: -100 })).toBe(false);
      expect(wheel({ deltaY: 100 })).toBe(false);
      expect(viewportOf(opened).scale).toBe(scale);
    }
  });

  it("zooms a zoomed photo alone while the widget has the focus, by lines as by pixels", () => {
    opened.stage.focus();
    setViewport({ scale: 2, x: 0, y: 0 });
    expect(wheel({ deltaY: -160 })).toBe(true);
    const byPixels = viewportOf(opened).scale;
    expect(byPixels).toBeGreaterThan(2.5);
    setViewport({ scale: 2, x: 0, y: 0 });
    wheel({ deltaY: -10, deltaMode: WheelEvent.DOM_DELTA_LINE });
    expect(viewportOf(opened).scale).toBeCloseTo(byPixels);
  });

  it("does not go on with the page when it has made the photo whole, until it pauses", () => {
    const now_ms = vi.spyOn(performance, "now");
    const turn = (at_ms: number) => {
      now_ms.mockReturnValue(at_ms);
      return wheel({ deltaY: 400 });
    };
    opened.stage.focus();
    setViewport({ scale: 1.6, x: 0, y: 0 });
    expect([turn(1000), turn(1100), turn(1300)]).toEqual([true, true, true]);
    expect(viewportOf(opened).scale).toBeLessThanOrEqual(1.5);
    expect(turn(1600)).toBe(false);
    now_ms.mockRestore();
  });
});

describe("the pointer", () => {
  it("is known in image pixels while it is over the image", () => {
    const { pointer } = opened.view.state;
    opened.pointer("move", { x: 12.5, y: 30 });
    expect(pointer.value).toEqual({ x: 12.5, y: 30 });
    opened.pointer("move", { x: 601, y: 30 });
    expect(pointer.value).toBeNull();
    opened.pointer("move", { x: 12, y: 30 });
    opened.pointer("leave", { x: 12, y: 30 });
    expect(pointer.value).toBeNull();
  });

  it("has the cursor of what a press would do", () => {
    const cursorAt = (x: number, y: number) => {
      opened.pointer("move", { x, y });
      return opened.stage.style.cursor;
    };
    opened.show([object({ points: [[50, 60, 1]], prompt_box: [100, 100, 200, 300] })], 1);
    expect(cursorAt(300, 50)).toBe("crosshair");
    expect(cursorAt(51, 61)).toBe("pointer");
    expect(cursorAt(100, 100)).toBe("nwse-resize");
    expect(cursorAt(200, 100)).toBe("nesw-resize");
    expect(cursorAt(150, 300)).toBe("ns-resize");
    expect(cursorAt(200, 200)).toBe("ew-resize");
    opened.fake.change("tool", "pan");
    expect(cursorAt(51, 61)).toBe("grab");
    opened.pointer("down", { x: 51, y: 61 });
    expect(opened.stage.style.cursor).toBe("grabbing");
  });
});

describe("the preview", () => {
  const asked = () => opened.requests.filter(({ kind }) => kind === "hover");

  beforeEach(() => opened.fake.change("hover", true));

  it("is asked for where the pointer is", () => {
    opened.pointer("move", { x: 30, y: 40 });
    expect(asked()).toEqual([{ kind: "hover", x: 30, y: 40, label: 1 }]);
  });

  it.each([
    ["another tool", () => opened.fake.change("tool", "box")],
    ["an active object", () => opened.show([object()], 1)],
    ["the preview switched off", () => opened.fake.change("hover", false)],
    [
      "a model that is not ready",
      () => opened.fake.change("status", { ...opened.fake.traits.status, phase: "encoding" }),
    ],
    ["a pending request", () => opened.view.request({ kind: "undo" })],
  ])("is not asked for with %s", (_, change) => {
    change();
    opened.pointer("move", { x: 30, y: 40 });
    expect(asked()).toEqual([]);
  });

  it("is not asked for by a finger, nor outside the image", () => {
    opened.pointer("move", { x: 30, y: 40 }, { pointerType: "touch" });
    opened.pointer("move", { x: 630, y: 40 });
    expect(asked()).toEqual([]);
  });

  it("makes a press ask before the click, for the same point", () => {
    opened.pointer("down", { x: 30, y: 40 });
    expect(opened.requests).toEqual([{ kind: "hover", x: 30, y: 40, label: 1 }]);
    // The button comes up a pixel away: the kernel has the mask of the press already.
    opened.pointer("up", { x: 31, y: 40 });
    expect(opened.last).toEqual({ kind: "add_point", x: 30, y: 40, label: 1 });
  });

  it("gives a click near it its own point", () => {
    opened.pointer("move", { x: 30, y: 40 });
    opened.click({ x: 31, y: 41 });
    expect(asked().length).toBe(1);
    expect(opened.last).toEqual({ kind: "add_point", x: 30, y: 40, label: 1 });
  });
});
