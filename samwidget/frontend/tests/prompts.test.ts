import { describe, expect, it } from "vitest";

import { activeAfter, classAfter, type Draft, type NextActive, promptsOnScreen } from "../src/prompts.ts";
import type { Box, Request } from "../src/protocol.ts";
import { object } from "./opened_view.ts";

const BOX: Box = [10, 20, 110, 220];
const CUP = object({
  points: [
    [1, 2, 1],
    [3, 4, 0],
  ],
  prompt_box: BOX,
});
const FIRST = { index: 0, at: { x: 1, y: 2 }, label: 1, isPending: false };
const SECOND = { index: 1, at: { x: 3, y: 4 }, label: 0, isPending: false };

const promptsWith = (pending: Request[], draft: Draft | null = null) => promptsOnScreen(CUP, pending, draft);

describe("the prompts on the screen", () => {
  it("are those of the active object", () => {
    expect(promptsWith([])).toEqual({ points: [FIRST, SECOND], boxes: [{ box: BOX, isPending: false }] });
    expect(promptsOnScreen(null, [], null)).toEqual({ points: [], boxes: [] });
  });

  it("have what was asked for, before the kernel has confirmed it", () => {
    expect(promptsWith([{ kind: "add_point", x: 5, y: 6, label: 1 }]).points).toEqual([
      FIRST,
      SECOND,
      { index: -1, at: { x: 5, y: 6 }, label: 1, isPending: true },
    ]);
    expect(promptsWith([{ kind: "move_point", index: 1, x: 7, y: 8 }]).points).toEqual([
      FIRST,
      { ...SECOND, at: { x: 7, y: 8 }, isPending: true },
    ]);
    expect(promptsWith([{ kind: "remove_point", index: 0 }]).points).toEqual([SECOND]);
    expect(promptsWith([{ kind: "move_box", box: [0, 0, 9, 9] }]).boxes).toEqual([
      { box: [0, 0, 9, 9], isPending: true },
    ]);
    expect(promptsWith([{ kind: "remove_box" }]).boxes).toEqual([]);
  });

  it("follow the order of the requests, and ignore those that change no prompt", () => {
    const pending: Request[] = [
      { kind: "remove_box" },
      { kind: "undo" },
      { kind: "add_box", box: [1, 1, 2, 2] },
      { kind: "add_box", box: [3, 3, 4, 4] },
    ];
    expect(promptsWith(pending).boxes.map(({ box }) => box)).toEqual([
      [1, 1, 2, 2],
      [3, 3, 4, 4],
    ]);
    expect(promptsWith(pending.toReversed()).boxes).toEqual([]);
  });

  it("follow the gesture at last", () => {
    const draft: Draft = { kind: "point", index: 0, at: { x: 50, y: 60 } };
    expect(promptsWith([{ kind: "remove_point", index: 1 }], draft).points).toEqual([
      { ...FIRST, at: { x: 50, y: 60 } },
    ]);
    expect(promptsWith([], { kind: "resize", box: [0, 0, 5, 5] }).boxes).toEqual([
      { box: [0, 0, 5, 5], isPending: false },
    ]);
    expect(promptsWith([], { kind: "box", box: [0, 0, 5, 5] })).toEqual(promptsWith([]));
  });
});

describe("what will be active", () => {
  const POINT: Request = { kind: "add_point", x: 1, y: 2, label: 1 };
  const ACCEPT: Request = { kind: "accept" };
  const table: [active: number | null, pending: Request[], next: NextActive][] = [
    [3, [], 3],
    [null, [], null],
    [null, [POINT], "unknown"],
    [3, [POINT], 3],
    [3, [{ kind: "add_box", box: BOX }], "unknown"],
    [3, [ACCEPT], null],
    [3, [ACCEPT, POINT], "unknown"],
    [null, [POINT, ACCEPT], null],
    [3, [{ kind: "select", object: 7 }], 7],
    [3, [{ kind: "select", object: null }], null],
    [3, [{ kind: "delete", object: 3 }], null],
    [3, [{ kind: "delete", object: 7 }], 3],
    [3, [{ kind: "clear" }], null],
    [3, [{ kind: "rename", object: 7, name: "cup" }, { kind: "undo" }], 3],
  ];

  it.each(table)("%j and then %j is %j", (active, pending, next) => {
    expect(activeAfter(active, pending)).toBe(next);
  });

  it("has no prompts of the object that was accepted", () => {
    expect(promptsWith([ACCEPT, POINT]).points).toEqual([{ index: -1, at: { x: 1, y: 2 }, label: 1, isPending: true }]);
    expect(promptsWith([ACCEPT])).toEqual({ points: [], boxes: [] });
  });
});

describe("the class of the next object", () => {
  const CHOOSE: Request = { kind: "activate_class", class: "cat" };
  const RENAME: Request = { kind: "rename_class", class: "cat", name: "lynx" };
  const DELETE: Request = { kind: "delete_class", class: "cat" };

  it.each([
    ["dog", [], "dog"],
    ["dog", [CHOOSE], "cat"],
    ["dog", [RENAME, DELETE], "dog"],
    ["cat", [RENAME], "lynx"],
    [null, [CHOOSE, DELETE], null],
    ["cat", [{ kind: "activate_class", class: null } as Request], null],
  ])("%s, after %j, is %s", (name, pending, next) => expect(classAfter(name, pending)).toBe(next));
});

describe("the active object after a deletion of several", () => {
  it("is none where it was among them", () => {
    const pending: Request[] = [{ kind: "delete_objects", objects: [1, 2] }];
    expect([activeAfter(2, pending), activeAfter(3, pending)]).toEqual([null, 3]);
  });
});
