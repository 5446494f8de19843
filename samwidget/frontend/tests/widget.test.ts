import { beforeEach, describe, expect, it, vi } from "vitest";

import samwidget from "../src/index.ts";
import type { ObjectSummary } from "../src/protocol.ts";
import type { Model } from "../src/traits.ts";
import { FakeModel, FRAME, mask, stubBrowser } from "./fakes.ts";

type Widget = {
  initialize(props: { model: Model; signal?: AbortSignal }): () => void;
  render(props: { model: Model; el: HTMLElement; signal?: AbortSignal }): () => void;
};

const load = () => (samwidget as unknown as () => Widget)();
const host = () => document.body.appendChild(document.createElement("div"));
const find = (el: Element, hook: string) => el.querySelector<HTMLElement>(`[data-sw="${hook}"]`);
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

const cup: ObjectSummary = {
  id: 3,
  name: "cup",
  colour: "#7048e8",
  visible: true,
  score: 0.96,
  area: 18402,
  box: [10, 20, 110, 220],
  mask: "m1",
  points: [[40, 60, 1]],
  prompt_box: null,
  level: 0,
  class: null,
  locked: false,
};

let fake: FakeModel;

beforeEach(() => {
  stubBrowser();
  document.body.replaceChildren();
  fake = new FakeModel();
});

function open(fakeModel = fake) {
  const widget = load();
  const end = widget.initialize({ model: fakeModel.model });
  const el = host();
  const close = widget.render({ model: fakeModel.model, el });
  return { widget, el, end, close };
}

function withCup(active: number | null) {
  return {
    revision: 1,
    image: "a",
    active,
    objects: [cup],
    candidates: active === null ? [] : [{ mask: "m1", score: 0.96 }],
    classes: [],
    active_class: null,
    can_undo: true,
    can_redo: false,
  };
}

describe("lifetime", () => {
  it("leaves no listener behind after fifty views", () => {
    const added = vi.spyOn(EventTarget.prototype, "addEventListener");
    const widget = load();
    const end = widget.initialize({ model: fake.model });
    const before = fake.listenerCount;
    for (let i = 0; i < 50; i++) {
      const el = host();
      const close = widget.render({ model: fake.model, el });
      expect(el.children.length).toBe(1);
      close();
      expect(el.children.length).toBe(0);
    }
    expect(fake.listenerCount).toBe(before);
    end();
    expect(fake.listenerCount).toBe(0);
    // Every DOM listener had an owner, and every owner has ended.
    const signals = added.mock.calls.map(([, , options]) => (options as AddEventListenerOptions | undefined)?.signal);
    expect(signals.every((signal) => signal === undefined || signal.aborted)).toBe(true);
    added.mockRestore();
  }, 30_000);

  it("ends with the host's signal", () => {
    const widget = load();
    widget.initialize({ model: fake.model });
    const el = host();
    const controller = new AbortController();
    widget.render({ model: fake.model, el, signal: controller.signal });
    controller.abort();
    expect(el.children.length).toBe(0);
  });

  it("renders in a host that does not initialize", () => {
    const close = load().render({ model: fake.model, el: host() });
    expect(fake.last("hello").kind).toBe("hello");
    close();
    expect(fake.listenerCount).toBe(0);
  });

  it("says hello to the kernel once for each view", () => {
    const { widget } = open();
    widget.render({ model: fake.model, el: host() });
    expect(fake.sent.filter(({ kind }) => kind === "hello").length).toBe(2);
  });

  it("keeps two widgets apart", () => {
    const other = new FakeModel();
    const first = open();
    const second = open(other);
    fake.change("document", withCup(null));
    expect(find(first.el, "count")?.textContent).toBe("1");
    expect(find(second.el, "count")?.textContent).toBe("0");
  });
});

describe("panels", () => {
  it("shows the document in every view", () => {
    const { widget, el } = open();
    const second = host();
    widget.render({ model: fake.model, el: second });
    fake.change("document", withCup(3));
    for (const view of [el, second]) {
      expect(find(view, "object")?.textContent).toContain("cup");
      expect(find(view, "object")?.textContent).toContain("refining · 1 click");
    }
    fake.change("document", withCup(null));
    expect(find(el, "object")?.textContent).toContain("0.96 · 18\u2009402 px");
  });

  it("uses the document's colours", () => {
    const { el } = open();
    fake.change("document", withCup(3));
    expect(el.querySelector<HTMLElement>(".sw-swatch")?.style.background).toContain("#7048e8");
  });

  it("asks for what its buttons say", () => {
    const { el } = open();
    fake.change("document", withCup(3));
    find(el, "redo")?.click();
    expect(fake.sent.some(({ kind }) => kind === "redo")).toBe(false);
    find(el, "undo")?.click();
    expect(fake.last("undo")).toMatchObject({ v: 1, kind: "undo" });
    el.querySelector<HTMLElement>(".sw-eye")?.click();
    expect(fake.last("set_visible")).toMatchObject({ object: 3, visible: false });
    find(el, "candidate")?.click();
    expect(fake.last("choose")).toMatchObject({ level: 0 });
    find(el, "accept")?.click();
  });

  it("renames in place", () => {
    const { el } = open();
    fake.change("document", withCup(3));
    find(el, "object")?.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
    const field = find(el, "name-field") as HTMLInputElement;
    field.value = "  espresso ";
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
    expect(fake.last("rename")).toMatchObject({ object: 3, name: "espresso" });
    expect(find(el, "name-field")).toBeNull();
  });

  it("saves a slider once it rests, and does not listen to its echo meanwhile", () => {
    vi.useFakeTimers();
    const { el, end } = open();
    const slider = find(el, "opacity") as HTMLInputElement;
    for (const position of ["60", "70", "80"]) {
      slider.value = position;
      slider.dispatchEvent(new Event("input"));
    }
    fake.change("opacity", 0.1);
    expect(slider.value).toBe("80");
    vi.advanceTimersByTime(100);
    expect(fake.saved).toEqual([{ opacity: 0.8 }]);
    end();
    vi.useRealTimers();
  });

  it("shows failures with their remedy until they are dismissed", () => {
    const { el } = open();
    find(el, "tool-box")?.click();
    fake.receive({ kind: "error", code: "model", message: "The network failed.", hint: "Try again." });
    expect(find(el, "error")?.hidden).toBe(false);
    expect(find(el, "error")?.textContent).toContain("The network failed. Try again.");
    find(el, "dismiss")?.click();
    expect(find(el, "error")?.hidden).toBe(true);
  });

  it("offers to retry where the encoder failed", () => {
    const { el } = open();
    const error = { code: "memory", message: "Out of memory.", hint: "Use the CPU." };
    fake.change("status", { ...fake.traits.status, phase: "failed", error });
    find(el, "retry")?.click();
    expect(fake.last("retry").kind).toBe("retry");
  });

  it("says so when a message cannot be read", () => {
    const { el } = open();
    fake.receive({ kind: "masks", image: "a", frame: FRAME, masks: [mask("m1").header] });
    expect(find(el, "error")?.textContent).toContain("0 buffers for 1 masks");
  });
});

describe("keys", () => {
  it("are kept from JupyterLab by every element that can have the focus", () => {
    const { el } = open();
    fake.change("document", withCup(3));
    const focusable = [...el.querySelectorAll("button, input, [tabindex]")];
    expect(focusable.length).toBeGreaterThan(15);
    expect(focusable.filter((element) => !element.hasAttribute("data-lm-suppress-shortcuts"))).toEqual([]);
  });
});

describe("without a kernel", () => {
  // A JPEG's start, its frame header (400 x 600) and its end.
  const jpeg = new Uint8Array([0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 1, 0x90, 2, 0x58, 1, 1, 0x11, 0, 0xff, 0xd9]);

  it("shows the saved picture at once, and its caption when nobody answers", () => {
    vi.useFakeTimers();
    fake.traits._snapshot = new DataView(jpeg.buffer);
    const { el, end, close } = open();
    expect(find(el, "snapshot")?.hidden).toBe(false);
    expect(find(el, "root")?.style.getPropertyValue("--sw-aspect")).toBe("1.5");
    expect(el.querySelector<HTMLElement>(".sw-caption")?.hidden).toBe(true);
    vi.advanceTimersByTime(2000);
    expect(el.querySelector<HTMLElement>(".sw-caption")?.hidden).toBe(false);
    close();
    end();
    vi.useRealTimers();
  });

  it("forgets the saved picture with the first photo", async () => {
    fake.traits._snapshot = new DataView(jpeg.buffer);
    const { el } = open();
    fake.receive({ kind: "ack", re: fake.last("hello").id });
    fake.receive({ kind: "image", image: "a", size_hw: [400, 600], mime: "image/jpeg" }, [jpeg]);
    await frame();
    expect(find(el, "snapshot")?.hidden).toBe(true);
  });
});

describe("the state that tests read", () => {
  const flags = globalThis as { samwidgetReportsState?: boolean };
  const reported = (el: HTMLElement) => JSON.parse(find(el, "root")?.getAttribute("data-sw-state") ?? "{}");

  beforeEach(() => {
    flags.samwidgetReportsState = true;
    return () => {
      delete flags.samwidgetReportsState;
    };
  });

  it("is not written unless a test asks for it", async () => {
    delete flags.samwidgetReportsState;
    const { el } = open();
    fake.change("document", withCup(3));
    await frame();
    expect(find(el, "root")?.hasAttribute("data-sw-state")).toBe(false);
  });

  it("follows what is not drawn on the canvases as well", async () => {
    const { el } = open();
    fake.change("tool", "box");
    await frame();
    await frame();
    expect(reported(el)).toMatchObject({ tool: "box", phase: "ready" });
  });

  it("has the revision only when its masks are on the screen", async () => {
    const { el } = open();
    fake.receive({ kind: "image", image: "a", size_hw: [400, 600], mime: "image/jpeg" }, [new Uint8Array(4)]);
    fake.change("document", withCup(3));
    await frame();
    await frame();
    expect(reported(el)).toMatchObject({ objects: 1, active: 3, revision: 0 });
    const { header, buffer } = mask("m1");
    fake.receive({ kind: "masks", image: "a", frame: FRAME, masks: [header] }, [buffer]);
    await frame();
    await frame();
    expect(reported(el)).toMatchObject({ revision: 1, pending: 0 });
  });
});
