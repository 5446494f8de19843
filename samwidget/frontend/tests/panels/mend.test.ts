import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { trayPanel } from "../../src/panels/tray.ts";
import { OpenedView, object } from "../opened_view.ts";

let opened: OpenedView;
let tray: HTMLElement;

beforeEach(() => {
  opened = new OpenedView();
  tray = trayPanel(opened.view, opened.scope);
  opened.view.root.append(tray);
  opened.sendMask("m1");
  opened.show([object()], 1);
});

afterEach(() => opened.scope.end());

const part = (name: string) => tray.querySelector(`[data-sw="${name}"]`) as HTMLInputElement;
const isShown = (name: string) => part(name).closest("[hidden]") === null;
const slide = (name: string, amount: number) => {
  part(name).value = String(amount);
  part(name).dispatchEvent(new Event("input", { bubbles: true }));
};
const asked = () => opened.requests.filter(({ kind }) => kind === "adjust");
const step = (operation: string, amount: number, continues: boolean) => ({
  kind: "adjust",
  object: 1,
  operation,
  amount,
  continues,
});
/** The kernel carries out the step that is on its way. */
const settle = (mask: string) => {
  opened.sendMask(mask);
  opened.show([object({ mask })], 1);
  opened.done();
};

describe("what mends a mask", () => {
  it("is there for the active object, and the brush's size while a brush is in hand", () => {
    expect([isShown("mend-smooth"), isShown("brush-size")]).toEqual([true, false]);
    opened.fake.change("tool", "brush");
    expect([isShown("mend-smooth"), isShown("brush-size")]).toEqual([true, true]);
    opened.show([object()], null);
    expect([isShown("mend-smooth"), isShown("brush-size")]).toEqual([false, true]);
    opened.fake.change("tool", "polygon");
    expect(isShown("brush-size")).toBe(false);
  });

  it("takes the place of the candidates with a drawing tool, and gives it back by its switch", () => {
    const isMending = () => opened.view.root.hasAttribute("data-mending");
    const candidates = [{ mask: "m1", score: 0.9 }];
    const show = () =>
      opened.fake.change("document", { ...opened.fake.traits.document, candidates, objects: [object()], active: 1 });
    show();
    expect([isMending(), part("mend-switch").hidden]).toEqual([false, false]);
    opened.fake.change("tool", "eraser");
    expect(isMending()).toBe(true);
    part("mend-switch").click();
    expect(isMending()).toBe(false);
    candidates.length = 0;
    show();
    expect([isMending(), part("mend-switch").hidden]).toEqual([true, true]);
  });

  it("sets the size of the brush, in image pixels", () => {
    opened.fake.change("tool", "brush");
    slide("brush-size", 100);
    expect(part("brush-size").getAttribute("aria-valuetext")).toBe("150 px");
    slide("brush-size", 0);
    opened.click({ x: 300, y: 300 });
    expect(opened.last).toMatchObject({ kind: "paint", radius: 0.5 });
  });

  it("fills all holes, and drops all islands, at a click", () => {
    part("mend-fill_holes").click();
    part("mend-drop_islands").click();
    expect(asked()).toEqual([step("fill_holes", 240_000, false), step("drop_islands", 240_000, false)]);
  });
});

describe("a slider", () => {
  it("asks for one step at a time, the newest position next, all of them one step of the history", () => {
    slide("mend-smooth", 2);
    slide("mend-smooth", 3);
    slide("mend-smooth", 5);
    expect(asked()).toEqual([step("smooth", 2, false)]);
    settle("m2");
    expect(asked().slice(1)).toEqual([step("smooth", 5, true)]);
    settle("m3");
    expect(asked()).toHaveLength(2);
  });

  it("stays where it was let go, and goes on from there", () => {
    slide("mend-grow", 3);
    settle("m2");
    expect(part("mend-grow").value).toBe("3");
    slide("mend-grow", 5);
    expect(asked().at(-1)).toEqual(step("grow", 5, true));
  });

  it("goes back to rest where growing becomes shrinking", () => {
    slide("mend-grow", 3);
    settle("m2");
    slide("mend-grow", -2);
    expect(asked().at(-1)).toEqual(step("grow", 0, true));
    settle("m1");
    expect(asked().at(-1)).toEqual(step("shrink", 2, false));
    settle("m3");
    slide("mend-grow", 0);
    settle("m1");
    expect(asked().slice(3)).toEqual([step("shrink", 0, true)]);
  });

  it.each([
    ["another change", () => opened.show([object({ mask: "m9" })], 1)],
    ["another object", () => opened.show([object({ mask: "m2" }), object({ id: 2 })], 2)],
    ["no object", () => opened.show([object({ mask: "m2" })], null)],
  ])("is at rest after %s, and begins anew", (_, change) => {
    slide("mend-smooth", 4);
    settle("m2");
    change();
    opened.show([object()], 1);
    expect(part("mend-smooth").value).toBe("0");
    slide("mend-smooth", 1);
    expect(asked().at(-1)).toEqual(step("smooth", 1, false));
  });

  it("rests while another one moves", () => {
    slide("mend-smooth", 4);
    settle("m2");
    slide("mend-grow", 1);
    expect(part("mend-smooth").value).toBe("0");
    expect(asked().at(-1)).toEqual(step("grow", 1, false));
  });

  it("is at rest where the kernel refuses", () => {
    slide("mend-smooth", 4);
    const { id } = opened.fake.last("adjust");
    opened.fake.receive({ kind: "error", re: id, code: "prompt", message: "object 1 is locked", hint: "unlock it" });
    expect(part("mend-smooth").value).toBe("0");
    expect(opened.session.failure.value?.message).toBe("object 1 is locked");
  });
});
