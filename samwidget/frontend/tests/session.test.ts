// The kernel goes away and comes back while a person works: what the whole view shows, and what it sends.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { startEverything } from "../src/commands/document.ts";
import { bannerPanel } from "../src/panels/banner.ts";
import { statusPanel } from "../src/panels/status.ts";
import { FRAME, mask } from "./fakes.ts";
import { OpenedView, object } from "./opened_view.ts";

let opened: OpenedView;
let status: HTMLElement;
let banner: HTMLElement;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
  opened = new OpenedView();
  status = statusPanel(opened.view, opened.scope);
  banner = bannerPanel(opened.view, opened.scope);
  opened.session.sayHello(opened.scope);
  opened.fake.receive({ kind: "ack", re: opened.fake.last("hello").id });
  opened.sendMask("m1");
  opened.show([object({ points: [[50, 100, 1]] })], 1);
});

afterEach(() => {
  opened.scope.end();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const hint = () => status.querySelector(".sw-hint")?.textContent;
const dot = () => status.querySelector(".sw-dot")?.getAttribute("data-state");
const model = () => status.querySelector(".sw-model")?.textContent;
const problem = () =>
  (banner.firstElementChild as HTMLElement).hidden ? null : banner.querySelector("p")?.textContent;
const hellos = () => opened.fake.sent.filter(({ kind }) => kind === "hello").length;
const HOME = { x: 200, y: 200 };

describe("a kernel that is gone", () => {
  const expectGone = () => {
    expect(problem()).toBe(
      "The kernel is gone: it was shut down or restarted, or it died. " +
        "Run the cell again. What you see stays on the screen until then.",
    );
    expect([dot(), model()]).toEqual(["off", "No kernel"]);
    expect(hint()).toBe("There is no kernel. Run the cell to continue.");
  };

  it("is said at the first click, which does not throw", () => {
    opened.fake.isLost = true;
    opened.click(HOME);
    expectGone();
    expect(opened.session.document.value.objects.length).toBe(1);
  });

  it.each([
    ["a press", () => opened.pointer("down", HOME)],
    ["a preview", () => opened.view.hover.ask(HOME, 1)],
    ["moving a point", () => opened.drag({ x: 50, y: 100 }, { x: 60, y: 110 })],
    ["a box", () => opened.drag({ x: 200, y: 200 }, { x: 300, y: 300 })],
    ["undo", () => opened.key("z", { ctrlKey: true })],
    ["a search", () => startEverything(opened.view)],
    ["a tool", () => opened.session.settings.tool.set("box")],
  ])("is said at the first failed send: %s", (_, act) => {
    opened.fake.change("hover", true);
    opened.fake.isLost = true;
    act();
    expectGone();
  });

  it("is said by a slider, which keeps its value", () => {
    opened.fake.isLost = true;
    opened.session.settings.threshold.set(1);
    vi.advanceTimersByTime(100);
    expectGone();
    expect(opened.session.settings.threshold.value).toBe(1);
  });

  it("is said again at each click after it was dismissed, and not by the pointer", () => {
    opened.fake.isLost = true;
    opened.click(HOME);
    banner.querySelector<HTMLElement>('[data-sw="dismiss"]')?.click();
    opened.view.hover.ask({ x: 10, y: 10 }, 1);
    expect(problem()).toBeNull();
    opened.click(HOME);
    expectGone();
  });

  it("is said where another kernel has handled the click, which has no such widget", () => {
    opened.click(HOME);
    const handle = (state: string) => {
      const tell = opened.fake.callbacks.at(-1) as { iopub: { status: (message: object) => void } } & (() => void);
      tell();
      tell.iopub.status({ content: { execution_state: state } });
      vi.advanceTimersByTime(1000);
    };
    handle("busy");
    expect(problem()).toBeNull();
    handle("idle"); // the Stop button may have dropped the click, which is sent again
    expect(problem()).toBeNull();
    handle("idle");
    expectGone();
  });

  it("is said at each request of a view that has never heard of one", () => {
    opened.session.presence.value = "unknown";
    opened.session.sayHello(opened.scope);
    vi.advanceTimersByTime(400);
    expect(hint()).toBe("Waiting for the kernel.");
    vi.advanceTimersByTime(1600);
    expect([problem(), hint()]).toEqual([null, "There is no kernel. Run the cell to continue."]);
    opened.key("z", { ctrlKey: true });
    expect(problem()).toBe("There is no kernel. Run the cell to continue.");
  });

  it("is not said over a saved picture, where nobody has asked for anything", () => {
    opened.session.presence.value = "unknown";
    opened.fake.isLost = true;
    opened.session.sayHello(opened.scope);
    expect(problem()).toBeNull();
    expect(hint()).toBe("There is no kernel. Run the cell to continue.");
  });

  it("hides a failed model, which only a kernel could load again", () => {
    const error = { code: "memory", message: "Out of memory.", hint: "Close something." };
    opened.fake.change("status", { ...opened.fake.traits.status, phase: "failed", error, can_use_bundled: true });
    expect(problem()).toBe("Out of memory. Close something.");
    opened.fake.isLost = true;
    banner.querySelector<HTMLElement>('[data-sw="retry"]')?.click();
    expectGone();
    expect(banner.querySelector<HTMLElement>('[data-sw="retry"]')?.hidden).toBe(true);
  });
});

describe("a kernel that comes back", () => {
  it("is reconnected, and the banner goes", () => {
    opened.fake.isLost = true;
    opened.click(HOME);
    opened.fake.isLost = false;
    opened.fake.receive({ kind: "ack", re: "somebody" });
    expect(problem()).toBeNull();
    expect(dot()).toBe("good");
    expect(hint()).toBe("Reconnected. The kernel answers again.");
    vi.advanceTimersByTime(8000);
    expect(hint()).toContain("Click to include");
  });

  it("is reconnected after it was silent, and the click is sent again", () => {
    opened.click(HOME);
    vi.advanceTimersByTime(10_000);
    expect(hint()).toBe("The kernel does not answer. If it was restarted, run the cell again.");
    const [first, again] = opened.fake.sent.filter(({ kind }) => kind === "add_point");
    expect(again).toEqual(first);
    opened.fake.receive({ kind: "done", re: first?.id ?? "" });
    expect(hint()).toBe("Reconnected. The kernel answers again.");
  });

  it("is heard by what it writes, before it replies", () => {
    opened.session.presence.value = "absent";
    opened.fake.change("status", { ...opened.fake.traits.status, phase: "encoding" });
    expect(dot()).toBe("busy");
    expect(model()).toContain("encoding");
  });

  it("is not called absent while a new widget loads its model", () => {
    vi.advanceTimersByTime(2000); // the hello of before
    opened.fake.change("status", { ...opened.fake.traits.status, phase: "loading" });
    opened.session.presence.value = "unknown";
    opened.session.sayHello(opened.scope);
    vi.advanceTimersByTime(9_999);
    expect([dot(), hint()]).toEqual(["busy", "Waiting for the kernel."]);
    vi.advanceTimersByTime(1);
    expect([dot(), hint()]).toEqual(["off", "There is no kernel. Run the cell to continue."]);
  });

  it("leaves another failure on the screen", () => {
    opened.fake.receive({ kind: "error", code: "prompt", message: "No.", hint: "" });
    opened.session.presence.value = "absent";
    opened.fake.receive({ kind: "ack", re: "somebody" });
    expect(problem()).toBe("No. ");
  });
});

describe("masks that were lost on the way", () => {
  it("are asked for once, and not while a hello is on its way", () => {
    const answer = () => opened.fake.receive({ kind: "done", re: opened.fake.last("hello").id });
    expect(hellos()).toBe(1);
    opened.show([object({ mask: "m2" })]);
    expect(hellos()).toBe(1);
    answer();
    opened.show([object({ mask: "m3" })]);
    expect(hellos()).toBe(2);
    const { header, buffer } = mask("m3");
    opened.fake.receive({ kind: "masks", image: "a", frame: FRAME, masks: [header] }, [buffer]);
    answer();
    opened.show([object({ mask: "m3", name: "cup" })]);
    expect(hellos()).toBe(2);
  });
});
