// Everything that assistive technology reads aloud by itself, as a list that a person can read aloud, too.

import { afterEach, beforeEach, expect, it } from "vitest";

import samwidget from "../src/index.ts";
import { FakeModel, mask, stubBrowser } from "./fakes.ts";
import { documentOf, object } from "./opened_view.ts";

let fake: FakeModel;
let el: HTMLElement;
let close: () => void;

beforeEach(() => {
  stubBrowser();
  fake = new FakeModel();
  const widget = (samwidget as unknown as () => { render(props: object): () => void })();
  el = document.createElement("div");
  document.body.replaceChildren(el);
  close = widget.render({ model: fake.model, el });
});

afterEach(() => close());

/** What the live regions say now. */
const said = () => [...el.querySelectorAll("[aria-live]")].map((region) => region.textContent).filter(Boolean);
const status = (changes: object) => fake.change("status", { ...fake.traits.status, ...changes });
const show = (count: number, active: number | null = null) =>
  fake.change(
    "document",
    documentOf(
      Array.from({ length: count }, (_, i) => object({ id: i + 1 })),
      active,
    ),
  );
const press = (key: string, init: KeyboardEventInit = {}) =>
  el.querySelector(".sw-stage")?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...init }));
const search = (phase: string, count: number) => {
  const ids = Array.from({ length: count }, (_, i) => i);
  fake.receive(
    {
      kind: "found",
      image: "a",
      search: `${phase}-${count}`,
      search_kind: "everything",
      phase,
      done: 1,
      total: 16,
      is_whole: true,
      added: ids.map((id) => ({
        id,
        mask: `f${id}`,
        colour: "#e8590c",
        score: 0.9,
        stability: 1,
        area: 9,
        box: [0, 0, 5, 5],
      })),
      removed: [],
      masks: ids.map((id) => mask(`f${id}`).header),
      frame: { image_hw: [400, 600], input_hw: [512, 512], content_hw: [341, 512], logits_hw: [128, 128] },
    },
    ids.map((id) => mask(`f${id}`).buffer),
  );
};

const VOCABULARY: [name: string, act: () => void, sentences: string[]][] = [
  ["loading", () => status({ phase: "loading" }), ["Loading the model."]],
  ["encoding", () => status({ phase: "encoding" }), ["Encoding the image."]],
  ["ready", () => show(0), ["0 objects."]],
  ["a click", () => show(1, 1), ["Refining cup, score 0.90."]],
  [
    "its class",
    () => fake.change("document", documentOf([object({ class: "dish" })], 1)),
    ["Refining cup, class dish, score 0.90."],
  ],
  ["accepted", () => show(1), ["1 object."]],
  ["two objects", () => show(2), ["2 objects."]],
  ["a selection", () => [show(2), press("a", { ctrlKey: true })], ["2 selected."]],
  ["its end", () => [show(2), press("a", { ctrlKey: true }), press("Escape")], ["2 objects."]],
  ["a search", () => search("running", 0), ["Finding everything. Escape stops the search.", "0 objects."]],
  ["a search finds", () => search("running", 3), ["Finding everything. Escape stops the search.", "0 objects."]],
  [
    "the search ends",
    () => search("done", 3),
    ["3 objects were found. Enter keeps the chosen ones, Escape discards all.", "0 objects."],
  ],
  ["it found one", () => search("done", 1), ["1 object was found. Enter keeps it, Escape discards it.", "0 objects."]],
  ["it found nothing", () => search("done", 0), ["Nothing was found. Escape closes the search.", "0 objects."]],
  [
    "the search is stopped",
    () => search("cancelled", 3),
    ["The search has stopped. 3 objects were found. Enter keeps the chosen ones, Escape discards all.", "0 objects."],
  ],
  [
    "the search fails",
    () => search("failed", 1),
    ["The search failed. 1 object was found. Enter keeps it, Escape discards it.", "0 objects."],
  ],
  ["the search is over", () => search("none", 0), ["0 objects."]],
  ["closed", () => status({ phase: "closed" }), ["This widget is closed. Run the cell to continue."]],
];

it.each(VOCABULARY)("%s", (_, act, sentences) => {
  act();
  expect(said()).toEqual(sentences);
});

it.each(VOCABULARY)("%s: well-formed sentences", (_, act) => {
  act();
  for (const text of said()) {
    for (const sentence of (text ?? "").split(/(?<=[.!?]) /)) {
      expect(sentence).toMatch(/^[A-Z0-9][^\n]*[^ ][.]$/);
      expect(sentence).not.toMatch(/[a-z][A-Z]| {2}|undefined|null|`/);
    }
  }
});
