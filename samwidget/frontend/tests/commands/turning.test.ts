import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { documentOf, imageRows, OpenedView, object, PHOTO } from "../opened_view.ts";

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
});

afterEach(() => opened.scope.end());

const press = {
  next: () => opened.key("PageDown"),
  previous: () => opened.key("PageUp"),
  accept: () => opened.key("Enter", { ctrlKey: true }),
  check: () => opened.key("Enter", { ctrlKey: true, shiftKey: true }),
  skip: () => opened.key("PageDown", { shiftKey: true }),
  copy: () => opened.key("c"),
};
const changes = () => opened.requests.filter(({ kind }) => kind !== "list_images" && kind !== "hello");
const settled = () => new Promise((resolve) => setTimeout(resolve));
const sendImage = (image: string) =>
  opened.fake.receive({ kind: "image", image, size_hw: [400, 600], mime: "image/jpeg" }, [new Uint8Array([1])]);

describe("with one photo", () => {
  it("leaves the keys to the page", () => {
    expect(Object.values(press).map((act) => act())).toEqual(Array(6).fill(true));
    expect(changes()).toEqual([]);
  });
});

describe("the keys of a folder", () => {
  beforeEach(() => {
    opened.showImages({ index: 2 });
    opened.listImages(imageRows(12));
  });

  it.each([
    ["next", [{ kind: "go_to", image: 3 }]],
    ["previous", [{ kind: "go_to", image: 1 }]],
    ["accept", [{ kind: "accept_image" }]],
    ["copy", [{ kind: "copy_objects", image: null, prompts: false }]],
    [
      "check",
      [
        { kind: "set_image_state", images: [2], state: "to_check" },
        { kind: "go_to", image: 3 },
      ],
    ],
    [
      "skip",
      [
        { kind: "set_image_state", images: [2], state: "skipped" },
        { kind: "go_to", image: 3 },
      ],
    ],
  ] as const)("%s sends its requests", (name, requests) => {
    expect(press[name]()).toBe(false);
    expect(changes()).toEqual(requests);
  });

  it("go on from the photo that was asked for last", () => {
    press.next();
    press.next();
    press.next();
    press.previous();
    expect(changes().map((request) => request.kind === "go_to" && request.image)).toEqual([3, 4, 5, 4]);
  });

  it("go on to the next photo that passes the filter", async () => {
    const rows = imageRows(12, { 2: { state: "to_check" }, 7: { state: "to_check" } });
    opened.view.filmstrip.filter.value = { state: "to_check", class: null };
    opened.listImages(rows);
    press.accept();
    await settled();
    expect(changes()).toEqual([
      { kind: "set_image_state", images: [2], state: "done" },
      { kind: "go_to", image: 7 },
    ]);
  });

  it("say of the last photo that it is done, and stay", () => {
    const counts = { new: 0, in_work: 1, done: 11, skipped: 0, to_check: 0 };
    opened.showImages({ index: 2, revision: 2, counts });
    opened.listImages(imageRows(12, { 2: { state: "in_work" } }));
    press.accept();
    expect(changes()).toEqual([{ kind: "set_image_state", images: [2], state: "done" }]);
  });

  it("stop at the first and the last photo", () => {
    opened.showImages({ index: 0 });
    press.previous();
    press.copy();
    opened.showImages({ index: 11 });
    press.next();
    expect(changes()).toEqual([]);
  });

  it("take a mark back, and stay", () => {
    opened.showImages({ index: 2, revision: 2 });
    opened.listImages(imageRows(12, { 2: { state: "skipped" } }));
    press.skip();
    opened.done();
    opened.show([object()]);
    press.skip();
    expect(changes()).toEqual([
      { kind: "set_image_state", images: [2], state: "new" },
      { kind: "set_image_state", images: [2], state: "in_work" },
    ]);
  });

  it("keep the name that is being written, of the photo where it was begun", () => {
    opened.show([object()], 1);
    opened.type("mug");
    press.accept();
    expect(changes()).toEqual([{ kind: "rename", object: 1, name: "mug" }, { kind: "accept_image" }]);
    expect(document.activeElement).toBe(opened.stage);
  });
});

describe("while another photo comes", () => {
  beforeEach(() => {
    opened.showImages({ index: 2 });
    opened.show([object()]);
    press.next();
  });

  it("changes nothing on a photo that is not on the screen", () => {
    opened.click({ x: 100, y: 100 });
    press.accept();
    press.copy();
    opened.key("z", { ctrlKey: true });
    expect(changes()).toEqual([{ kind: "go_to", image: 3 }]);
  });

  it("shows photo and objects at once, whichever comes first", async () => {
    const onScreen = () => [opened.session.photo.value?.id, opened.session.document.value.objects.length];
    opened.fake.change("document", { ...documentOf([], null), image: "b" });
    expect(onScreen()).toEqual(["a", 1]);
    sendImage("b");
    await settled();
    expect(onScreen()).toEqual(["b", 0]);
    sendImage("c");
    await settled();
    expect(onScreen()).toEqual(["b", 0]);
    opened.fake.change("document", { ...documentOf([object()], null), image: "c" });
    expect(onScreen()).toEqual(["c", 1]);
  });

  it("asks for no outline of an object that the kernel has left", async () => {
    opened.view.session.settings.tool.set("outline");
    opened.fake.change("document", documentOf([object()], 1));
    opened.done();
    opened.done();
    press.next();
    const before = opened.requests.length;
    opened.fake.change("document", documentOf([object({ mask: "m2" })], 1));
    opened.fake.change("document", { ...documentOf([], null), image: "b" });
    opened.done();
    opened.done();
    expect([opened.session.isTurning.value, opened.requests.slice(before)]).toEqual([true, []]);
  });

  it("asks for a photo that was lost on the way", () => {
    sendImage("a");
    opened.session.presence.value = "here";
    opened.fake.change("document", { ...documentOf([], null), image: "b" });
    expect(opened.last?.kind).toBe("hello");
  });
});

describe("another photo", () => {
  it("ends what was begun on the one before", () => {
    const { state } = opened.view;
    opened.showImages({ index: 2 });
    opened.show([object(), object({ id: 2, mask: "m2" })]);
    state.search.value = "cup";
    state.selection.value = [1, 2];
    state.isFitted.value = false;
    opened.view.session.settings.tool.set("polygon");
    opened.click({ x: 50, y: 50 });
    expect(state.polygon.value).not.toBeNull();
    opened.fake.change("document", { ...documentOf([object()], null), image: "b" });
    opened.session.photo.value = { ...PHOTO, id: "b" };
    expect([state.polygon.value, state.selection.value, state.search.value]).toEqual([null, [], ""]);
  });

  it("drops a name that Python took the photo away from", () => {
    opened.showImages({ index: 2 });
    opened.show([object()], 1);
    opened.type("mug");
    opened.session.photo.value = { ...PHOTO, id: "b" };
    expect([opened.field, changes()]).toEqual([null, []]);
  });
});
