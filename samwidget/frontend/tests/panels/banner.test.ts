import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { bannerPanel } from "../../src/panels/banner.ts";
import { OpenedView } from "../opened_view.ts";

let opened: OpenedView;
let banner: HTMLElement;

beforeEach(() => {
  opened = new OpenedView();
  banner = bannerPanel(opened.view, opened.scope);
});

afterEach(() => opened.scope.end());

const part = (name: string) => banner.querySelector<HTMLElement>(`[data-sw="${name}"]`);
const isShown = (name: string) => part(name)?.hidden === false;
const error = { code: "model", message: "The model cannot be loaded.", hint: "Choose another." };
const fail = (can_use_bundled: boolean) =>
  opened.fake.change("status", { ...opened.fake.traits.status, phase: "failed", error, can_use_bundled });

describe("a model that failed", () => {
  it("offers to try again and, where that is another one, the bundled network", () => {
    fail(true);
    expect(part("error")?.textContent).toContain("The model cannot be loaded. Choose another.");
    expect([isShown("retry"), isShown("use-bundled"), isShown("dismiss")]).toEqual([true, true, false]);
    part("use-bundled")?.click();
    expect(opened.last).toEqual({ kind: "use_bundled" });
    part("retry")?.click();
    expect(opened.last).toEqual({ kind: "retry" });
  });

  it("offers no other model where it is the bundled one", () => {
    fail(false);
    expect([isShown("retry"), isShown("use-bundled")]).toEqual([true, false]);
  });

  it("leaves the screen when it is loaded again", () => {
    fail(true);
    opened.fake.receive({ kind: "error", ...error });
    opened.fake.change("status", { ...opened.fake.traits.status, phase: "loading" });
    expect(isShown("error")).toBe(false);
  });
});

describe("another failure", () => {
  it("can be dismissed and offers nothing to try", () => {
    opened.fake.receive({ kind: "error", code: "prompt", message: "No.", hint: "" });
    expect([isShown("retry"), isShown("use-bundled"), isShown("dismiss")]).toEqual([false, false, true]);
    part("dismiss")?.click();
    expect(isShown("error")).toBe(false);
  });
});
