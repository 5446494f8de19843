import { beforeEach, describe, expect, it } from "vitest";

import { areaAt, EverythingSearch, scoreAt } from "../src/everything.ts";
import samwidget from "../src/index.ts";
import type { FoundObject, Reply } from "../src/protocol.ts";
import type { Model } from "../src/traits.ts";
import { FakeModel, FRAME, mask, stubBrowser } from "./fakes.ts";

type FoundMessage = Extract<Reply, { kind: "found" }>;

const foundObject = (id: number, area: number, score: number): FoundObject => ({
  id,
  mask: `m${id}`,
  colour: "#7048e8",
  score,
  stability: 0.97,
  area,
  box: [0, 0, 10, 10],
});

const TREE = foundObject(1, 10_000, 0.9);
const CUP = foundObject(2, 1_000, 0.7);
const SPECK = foundObject(3, 100, 0.8);

const message = (changes: Partial<FoundMessage> = {}): FoundMessage => ({
  kind: "found",
  image: "a",
  search: "s1",
  search_kind: "everything",
  phase: "running",
  done: 1,
  total: 16,
  is_whole: false,
  added: [],
  removed: [],
  masks: [],
  buffers: [],
  ...changes,
});

const ids = (foundObjects: readonly FoundObject[]) => foundObjects.map(({ id }) => id);

describe("the search of everything", () => {
  let search: EverythingSearch;

  beforeEach(() => {
    search = new EverythingSearch();
    search.update(message({ added: [CUP, TREE], seconds_left: 4.2 }));
    search.update(message({ added: [SPECK], done: 2 }));
  });

  it("keeps the user's choice for an undo that brings the found objects back", () => {
    const all = message({ phase: "done", is_whole: true, added: [TREE, CUP, SPECK] });
    search.toggle(1);
    search.scoreSlider.value = 60;
    const kept = [...search.keptIds.value];
    search.update(message({ phase: "none", is_whole: true }));
    expect([search.isOpen.value, search.foundObjects.value, search.keptIds.value.size]).toEqual([false, [], 0]);
    search.update(all);
    expect([...search.keptIds.value]).toEqual(kept);
    search.update({ ...all, search: "s2" });
    expect(search.keptIds.value.size).toBe(3);
  });

  it("follows the kernel, large ones first", () => {
    expect(ids(search.foundObjects.value)).toEqual([1, 2, 3]);
    expect(search.progress.value).toEqual({ done: 2, total: 16, seconds_left: null });
    search.update(message({ removed: [1], added: [foundObject(7, 500, 0.9)] }));
    expect(ids(search.foundObjects.value)).toEqual([2, 7, 3]);
    // The same one without its small regions.
    search.update(message({ removed: [7], added: [foundObject(7, 400, 0.9)] }));
    expect(search.foundObjects.value[1]?.area).toBe(400);
  });

  it("keeps what it has when the search ends, however it ends", () => {
    for (const phase of ["cancelled", "failed", "done"] as const) {
      search.update(message({ phase, done: 9 }));
      expect(search.phase.value).toBe(phase);
      expect(search.isRunning.value).toBe(false);
      expect(search.keptIds.value.size).toBe(3);
    }
  });

  it("keeps the user's choice when another view is sent everything", () => {
    search.toggle(2);
    search.update(message({ phase: "done", is_whole: true, added: [SPECK, CUP, TREE] }));
    expect(ids(search.foundObjects.value)).toEqual([1, 2, 3]);
    expect([...search.keptIds.value]).toEqual([1, 3]);
  });

  it("begins anew with the next search, and is empty when it ends", () => {
    search.toggle(2);
    search.areaSlider.value = 50;
    search.update(message({ search: "s2", is_whole: true, total: 0, done: 0 }));
    expect(search.foundObjects.value).toEqual([]);
    search.update(message({ search: "s2", added: [CUP] }));
    expect([...search.keptIds.value]).toEqual([2]);
    search.update(message({ search: "s2", phase: "none", is_whole: true }));
    expect(search.isOpen.value).toBe(false);
    expect(search.keptIds.value.size).toBe(0);
  });

  it("is filtered by area and by score", () => {
    search.areaSlider.value = 50;
    expect(search.areaMin.value).toBe(1000);
    expect([...search.keptIds.value]).toEqual([1, 2]);
    search.scoreSlider.value = 50;
    expect(search.scoreMin.value).toBe(0.8);
    expect([...search.keptIds.value]).toEqual([1]);
    search.areaSlider.value = 0;
    expect([...search.keptIds.value]).toEqual([1, 3]);
  });

  it("follows a click on one mask, whatever the sliders say", () => {
    search.toggle(1);
    expect([...search.keptIds.value]).toEqual([2, 3]);
    search.areaSlider.value = 60;
    search.toggle(3);
    expect([...search.keptIds.value]).toEqual([3]);
    search.toggle(1);
    search.areaSlider.value = 0;
    expect([...search.keptIds.value]).toEqual([1, 2, 3]);
  });

  it("is the same set until it changes, so that a slider draws only what it must", () => {
    const before = search.keptIds.value;
    search.areaSlider.value = 1;
    search.scoreSlider.value = 1;
    expect([search.areaMin.value, search.scoreMin.value]).toEqual([100, 0.7]);
    expect(search.keptIds.value).toBe(before);
  });
});

describe("the sliders", () => {
  const foundObjects = [TREE, CUP, SPECK];

  it("let everything pass at their beginning, and the largest and best at their end", () => {
    expect([areaAt(0, foundObjects), scoreAt(0, foundObjects)]).toEqual([0, 0]);
    expect([areaAt(100, foundObjects), scoreAt(100, foundObjects)]).toEqual([10_000, 0.9]);
    expect([areaAt(50, []), scoreAt(50, [])]).toEqual([0, 0]);
    expect([areaAt(50, [CUP]), scoreAt(50, [CUP])]).toEqual([1000, 0.7]);
  });

  it("ask for areas in steps of the same factor, in round numbers", () => {
    expect([25, 50, 75].map((position) => areaAt(position, foundObjects))).toEqual([320, 1000, 3200]);
  });
});

describe("the panel", () => {
  const find = (el: Element, hook: string) => el.querySelector<HTMLElement>(`[data-sw="${hook}"]`);
  const press = (el: Element, key: string) =>
    find(el, "stage")?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  let fake: FakeModel;
  let el: HTMLElement;

  beforeEach(() => {
    stubBrowser();
    document.body.replaceChildren();
    fake = new FakeModel();
    const widget = (samwidget as unknown as () => Record<string, (props: object) => () => void>)();
    widget.initialize?.({ model: fake.model as Model });
    el = document.body.appendChild(document.createElement("div"));
    widget.render?.({ model: fake.model as Model, el });
  });

  function send(changes: Partial<FoundMessage> = {}): void {
    const added = changes.added ?? [];
    const { buffers: _, ...content } = message({ ...changes, masks: added.map(({ mask: id }) => mask(id).header) });
    fake.receive(
      { ...content, ...(added.length > 0 && { frame: FRAME }) },
      added.map(({ mask: id }) => mask(id).buffer),
    );
  }

  it("asks for everything by button and by key, and once", () => {
    find(el, "everything")?.click();
    expect(fake.last("everything")).toMatchObject({ points_per_side: null });
    send({ is_whole: true, total: 0 });
    press(el, "a");
    expect(fake.sent.filter(({ kind }) => kind === "everything").length).toBe(1);
    expect(document.activeElement).toBe(find(el, "find-cancel"));
  });

  it("shows how far the search is, and stops it", () => {
    send({ done: 312, total: 1024, seconds_left: 11.3, added: [TREE, CUP] });
    expect(find(el, "find-progress")?.textContent).toBe("312 of 1\u2009024 points · 2 found");
    expect(find(el, "everything-panel")?.textContent).toContain("12 s left");
    expect(el.querySelector('[role="progressbar"]')?.getAttribute("aria-valuenow")).toBe("312");
    expect(find(el, "tool-include")?.getAttribute("aria-pressed")).toBe("false");
    press(el, "Enter");
    press(el, "Escape");
    expect(fake.sent.slice(-1).map(({ kind }) => kind)).toEqual(["cancel_everything"]);
  });

  it("keeps those that pass, once, by Enter", () => {
    send({ added: [TREE, CUP, SPECK] });
    send({ phase: "done" });
    const slider = find(el, "area-min") as HTMLInputElement;
    slider.value = "50";
    slider.dispatchEvent(new Event("input"));
    expect(find(el, "find-count")?.textContent).toBe("2 of 3");
    expect(find(el, "find-keep")?.textContent).toContain("Keep 2");
    press(el, "Enter");
    press(el, "Enter");
    expect(fake.sent.filter(({ kind }) => kind === "keep_found")).toMatchObject([{ ids: [1, 2] }]);
    expect(find(el, "find-keep")?.getAttribute("aria-disabled")).toBe("true");
  });

  it("discards by Escape, and says when nothing was found", () => {
    send({ phase: "done", done: 16 });
    expect(find(el, "everything-panel")?.textContent).toContain("Nothing found");
    expect(find(el, "find-keep")?.hidden).toBe(true);
    press(el, "Enter");
    press(el, "Escape");
    expect(fake.sent.slice(-1).map(({ kind }) => kind)).toEqual(["discard_found"]);
    send({ phase: "none", is_whole: true });
    expect(find(el, "everything-panel")?.hidden).toBe(true);
  });

  it("asks for what is like the active object, or the selected ones, by button and by key", () => {
    find(el, "similar")?.click();
    expect(fake.last("find_similar")).toMatchObject({ objects: null, excluded: [] });
    send({ search_kind: "similar", total: 24, done: 8, added: [TREE] });
    expect(find(el, "similar")?.getAttribute("aria-pressed")).toBe("true");
    expect(find(el, "everything")?.getAttribute("aria-pressed")).toBe("false");
    expect(find(el, "find-progress")?.textContent).toBe("Similar objects · 8 of 24 points · 1 found");
    expect(find(el, "everything-panel")?.getAttribute("aria-label")).toBe("Similar objects");
    press(el, ".");
    expect(fake.sent.filter(({ kind }) => kind === "find_similar").length).toBe(1);
    send({ search_kind: "similar", search: "next", is_whole: true, phase: "done" });
    expect(find(el, "find-count")?.textContent).toBe("Nothing similar found");
  });

  it("announces how a search begins and ends", () => {
    const announced = () => el.querySelector('p[aria-live="polite"]')?.textContent;
    send({ is_whole: true, total: 0 });
    expect(announced()).toBe("Finding everything. Escape stops the search.");
    send({ added: [TREE] });
    expect(announced()).toBe("Finding everything. Escape stops the search.");
    send({ phase: "cancelled" });
    expect(announced()).toBe("The search has stopped. 1 object was found. Enter keeps it, Escape discards it.");
    send({ phase: "none", is_whole: true });
    expect(announced()).toBe("");
    send({ search: "next", is_whole: true, phase: "done" });
    expect(announced()).toBe("Nothing was found. Escape closes the search.");
    send({ search: "last", is_whole: true, added: [TREE, CUP], phase: "failed" });
    expect(announced()).toBe(
      "The search failed. 2 objects were found. Enter keeps the chosen ones, Escape discards all.",
    );
  });

  it("shows what came of a request of another browser's as well, and says when its own fails", () => {
    find(el, "everything")?.click();
    const { id } = fake.last("everything");
    fake.receive({ kind: "ack", re: id });
    send({ re: id, added: [TREE] });
    send({ phase: "failed" });
    fake.receive({ kind: "error", re: id, code: "model", message: "The network failed.", hint: "" });
    expect(find(el, "error")?.textContent).toContain("The network failed.");
    expect(find(el, "find-count")?.textContent).toBe("1 of 1");
  });
});
