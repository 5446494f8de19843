import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Scope } from "../src/dom.ts";
import { requestsOf } from "../src/earlier.ts";
import { restorePanel } from "../src/panels/restore.ts";
import type { ObjectSummary, SavedPrompt } from "../src/protocol.ts";
import { Session } from "../src/session.ts";
import { FakeModel } from "./fakes.ts";
import { documentOf, OpenedView, object } from "./opened_view.ts";

const BEST = { chosen: null, refined: null };
const CLICKED = object({ points: [[60.5, 40, 1]], levels: { chosen: 2, refined: 1 }, class: "dish", locked: true });
const BOXED = object({ id: 2, name: "plate", prompt_box: [1, 2, 30, 40], levels: BEST, visible: false });
const DRAWN = object({ id: 3, name: "drawn" });
const PROMPTS: SavedPrompt[] = [
  {
    name: "cup",
    class: "dish",
    points: [[60.5, 40, 1]],
    box: null,
    levels: { chosen: 2, refined: 1 },
    visible: true,
    locked: true,
  },
  { name: "plate", class: null, points: [], box: [1, 2, 30, 40], levels: BEST, visible: false, locked: false },
];

let pageScope: Scope;
let opened: OpenedView;
let panel: HTMLElement;

beforeEach(() => {
  pageScope = new Scope();
});

afterEach(() => {
  opened?.scope.end();
  pageScope.end();
});

/** A widget that was on the page before. */
function earlierWidget(objects: ObjectSummary[], image = "a"): Session {
  const fake = new FakeModel();
  fake.traits.document = { ...documentOf(objects, null), image };
  return new Session(fake.model, pageScope.signal);
}

/** The new widget, which has nothing yet. */
function open(): void {
  opened = new OpenedView();
  panel = restorePanel(opened.view, opened.scope);
  opened.view.root.append(panel);
  opened.fake.change("document", { ...documentOf([], null), can_undo: false, can_redo: false });
  opened.fake.receive({ kind: "ack", re: "none" });
}

const button = () => panel.querySelector<HTMLElement>('[data-sw="restore"]') as HTMLElement;

describe("the objects of an earlier widget", () => {
  it("are offered by the widget that comes after it, and made again by one click", () => {
    earlierWidget([CLICKED, BOXED]);
    open();
    expect([panel.hidden, button().textContent]).toEqual([false, "Restore 2 objects"]);
    expect(button().title).toBe("Make them again from their clicks and boxes (W)");
    expect(panel.textContent).not.toContain("by hand");
    button().click();
    button().click();
    expect(opened.requests).toEqual([{ kind: "restore_objects", objects: PROMPTS }]);
    opened.show([CLICKED]);
    expect(panel.hidden).toBe(true);
  });

  it("are made again by their key", () => {
    earlierWidget([BOXED]);
    open();
    expect(button().textContent).toBe("Restore 1 object");
    opened.key("w");
    expect(opened.requests).toEqual([{ kind: "restore_objects", objects: [PROMPTS[1]] }]);
  });

  it("say how many no prompt makes", () => {
    earlierWidget([BOXED, DRAWN]);
    open();
    expect(panel.textContent).toContain("One more was drawn or corrected by hand");
    earlierWidget([BOXED, DRAWN, DRAWN]);
  });

  it("are those of the last widget that had any", () => {
    earlierWidget([CLICKED]);
    earlierWidget([CLICKED, BOXED]);
    earlierWidget([]);
    open();
    expect(button().textContent).toBe("Restore 2 objects");
  });

  it.each([
    ["of another image", () => earlierWidget([CLICKED], "b")],
    ["that no prompt makes", () => earlierWidget([DRAWN])],
    ["of a widget that came later", () => void setTimeout(() => earlierWidget([CLICKED]))],
  ])("are not offered: %s", async (_, make) => {
    make();
    open();
    await new Promise((done) => setTimeout(done));
    expect(panel.hidden).toBe(true);
    opened.key("w");
    expect(opened.requests).toEqual([]);
  });

  it("are offered once their widget is no longer in use", () => {
    const earlier = earlierWidget([CLICKED]);
    const view = new Scope(pageScope.signal);
    earlier.sayHello(view);
    earlier.presence.value = "here";
    open();
    expect(panel.hidden).toBe(true);
    earlier.presence.value = "absent";
    expect(panel.hidden).toBe(false);
    earlier.presence.value = "here";
    expect(panel.hidden).toBe(true);
    view.end();
    expect(panel.hidden).toBe(false);
  });

  it("are not offered where the page has forgotten the widget, has no kernel, or something was undone", () => {
    earlierWidget([CLICKED]);
    open();
    opened.session.presence.value = "absent";
    expect(panel.hidden).toBe(true);
    opened.session.presence.value = "here";
    expect(panel.hidden).toBe(false);
    opened.fake.change("document", { ...documentOf([], null), can_undo: false, can_redo: true });
    expect(panel.hidden).toBe(true);
    opened.fake.change("document", { ...documentOf([], null), can_undo: false, can_redo: false });
    pageScope.end();
    expect(panel.hidden).toBe(true);
  });
});

describe("the requests", () => {
  it("are as many as are needed, each shorter than the kernel reads, and hold all objects in order", () => {
    const prompts = Array.from({ length: 900 }, (_, i) => ({ ...(PROMPTS[0] as SavedPrompt), name: `object ${i}` }));
    const requests = requestsOf(prompts);
    expect(requests.length).toBe(3);
    const lengths = requests.map((request) => JSON.stringify(request).length);
    expect(Math.max(...lengths)).toBeLessThan(64_000);
    expect(requests.flatMap((request) => (request.kind === "restore_objects" ? request.objects : []))).toEqual(prompts);
  });
});
