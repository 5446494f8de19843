// The pictures in the rows: drawn where there are classes, and again only where they look different.

import { afterEach, beforeEach, expect, it } from "vitest";

import { objectsPanel } from "../../src/panels/objects.ts";
import { takeCalls } from "../fakes.ts";
import { documentOf, OpenedView, object } from "../opened_view.ts";

const CUP = object({ name: "cup", class: "dish" });
const SPOON = object({ id: 2, name: "spoon", mask: "m2" });

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
  opened.view.root.append(objectsPanel(opened.view, opened.scope));
  for (const id of ["m1", "m2"]) opened.sendMask(id);
});

afterEach(() => opened.scope.end());

const show = (objects = [CUP, SPOON], names = ["dish"]) => {
  const classes = names.map((name) => ({ name, colour: "#e2572b", count: 1 }));
  opened.fake.change("document", { ...documentOf(objects, null), classes });
};
/** The methods that drew the picture of each row since the last time. */
const drawn = () => {
  while (opened.drawFrame());
  const pictures = [...opened.view.root.querySelectorAll<HTMLCanvasElement>(".sw-thumbnail")];
  return pictures.map((picture) =>
    takeCalls(picture).flatMap(([method]) => (method === "setTransform" ? [] : [method])),
  );
};
const PICTURE = ["drawImage", "fill", "stroke"];

it("are drawn only where there are classes", () => {
  show([CUP, SPOON], []);
  expect(drawn()).toEqual([[], []]);
  show();
  expect(drawn()).toEqual([PICTURE, PICTURE]);
});

it("are drawn again with another colour or mask, and not otherwise", () => {
  show();
  drawn();
  show([{ ...CUP, name: "mug" }, SPOON]);
  expect(drawn()).toEqual([[], []]);
  show([{ ...CUP, colour: "#000000" }, SPOON]);
  expect(drawn()).toEqual([PICTURE, []]);
  opened.sendMask("m3", 6, 6);
  show([CUP, { ...SPOON, mask: "m3" }]);
  expect(drawn()).toEqual([PICTURE, PICTURE]);
});

it("wait for their mask", () => {
  show([{ ...CUP, mask: "m9" }]);
  expect(drawn()).toEqual([[]]);
  opened.sendMask("m9");
  expect(drawn()).toEqual([PICTURE]);
});

it("are drawn for the rows in sight, and those near them", () => {
  const many = Array.from({ length: 100 }, (_, i) => object({ id: i + 1, class: "dish" }));
  const scroller = opened.view.root.querySelector<HTMLElement>(".sw-scroll") as HTMLElement;
  show(many);
  Object.defineProperty(scroller, "clientHeight", { value: 470 });
  Object.defineProperty(opened.view.root.querySelector(".sw-row"), "offsetHeight", { value: 47 });
  const shown = () => drawn().flatMap((calls, i) => (calls.length > 0 ? [i] : []));
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  expect(shown()).toEqual(range(0, 14));
  scroller.scrollTop = 40 * 47;
  scroller.dispatchEvent(new Event("scroll"));
  expect(shown()).toEqual(range(36, 54));
});
