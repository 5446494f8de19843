import { afterEach, beforeEach, expect, it } from "vitest";

import { OpenedView } from "./opened_view.ts";

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
});

afterEach(() => opened.scope.end());

/** Puts the view into these elements, the outermost first; `*` marks one that takes the focus. */
function wrap(...names: string[]): void {
  let inside: Element = document.body;
  inside.replaceChildren();
  for (const name of names) {
    const element = document.createElement("div");
    element.id = name.replace("*", "");
    if (name.endsWith("*")) element.tabIndex = -1;
    inside.append(element);
    inside = element;
  }
  inside.append(opened.view.root);
  opened.stage.focus();
}

it.each([
  ["the nearest element that takes it", ["notebook*", "cell*", "output"], "cell"],
  ["one further out", ["notebook*", "cell", "output"], "notebook"],
  ["nothing, where no element takes it", ["cell"], ""],
])("Escape gives the focus to %s", (_, elements, id) => {
  wrap(...elements);
  opened.key("Escape");
  expect(document.activeElement?.id).toBe(id);
  expect(opened.view.state.hasFocus.value).toBe(false);
});

it("Escape gives the focus to an element around the shadow tree of the view", () => {
  wrap("cell*", "host");
  const host = document.querySelector("#host") as HTMLElement;
  host.attachShadow({ mode: "open" }).append(opened.view.root);
  opened.stage.focus();
  opened.key("Escape");
  expect(document.activeElement?.id).toBe("cell");
});

it("Escape ends what was begun last before it leaves", () => {
  wrap("cell*");
  opened.pointer("down", { x: 100, y: 100 });
  opened.pointer("move", { x: 200, y: 200 });
  opened.view.state.crosshair.value = { x: 1, y: 1 };
  opened.view.state.isHelpOpen.value = true;
  const left = () => {
    opened.key("Escape");
    const { isHelpOpen, draft, crosshair } = opened.view.state;
    return [isHelpOpen.value, draft.value !== null, crosshair.value !== null, document.activeElement?.id];
  };
  expect(left()).toEqual([false, true, true, ""]);
  expect(left()).toEqual([false, false, true, ""]);
  expect(left()).toEqual([false, false, false, ""]);
  expect(left()).toEqual([false, false, false, "cell"]);
});
