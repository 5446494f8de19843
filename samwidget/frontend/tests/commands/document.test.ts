// Keys that follow each other faster than the kernel answers: what the view knows of the document is out of date then.

import { afterEach, beforeEach, expect, it } from "vitest";

import type { Request } from "../../src/protocol.ts";
import { documentOf, OpenedView, object } from "../opened_view.ts";

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
  opened.stage.focus();
  opened.fake.change("document", { ...documentOf([object()], 1), can_undo: false, can_redo: false });
});

afterEach(() => opened.scope.end());

const KEYS: [string, () => void, Request][] = [
  ["undo", () => opened.key("z", { ctrlKey: true }), { kind: "undo" }],
  ["redo", () => opened.key("y", { ctrlKey: true }), { kind: "redo" }],
];

const CHANGES: [string, Request][] = [
  ["a point", { kind: "add_point", x: 1, y: 2, label: 1 }],
  ["the discarding of found objects", { kind: "discard_found" }],
];

it.each(KEYS)("%s is not asked for where there is none", (_, press) => {
  press();
  expect(opened.requests).toEqual([]);
});

it.each(CHANGES.flatMap((change) => KEYS.map((key) => [...key, ...change] as const)))(
  "%s is asked for while a change has not ended (%#)",
  (_, press, asked, __, change) => {
    opened.session.request(change);
    opened.fake.receive({ kind: "ack", re: opened.fake.last(change.kind).id });
    press();
    expect(opened.requests).toEqual([change, asked]);
  },
);

it.each(KEYS)("%s is not asked for any more once the change has ended without one", (_, press) => {
  opened.session.request({ kind: "discard_found" });
  opened.fake.receive({ kind: "done", re: opened.fake.last("discard_found").id });
  press();
  expect(opened.requests).toEqual([{ kind: "discard_found" }]);
});
