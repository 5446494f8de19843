import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { currentTool } from "../../src/tools/current.ts";
import { OpenedView, object } from "../opened_view.ts";

const HERE = { x: 200, y: 100 };
const THERE = { x: 300, y: 150 };
const ADD = { kind: "add_point", ...HERE, label: 1 };
const NEXT = { kind: "add_point", ...THERE, label: 1 };
const ACCEPT = { kind: "accept" };
const named = (name: string, id: number | null = 1) => ({ kind: "rename", object: id, name });

let opened: OpenedView;

beforeEach(() => {
  opened = new OpenedView();
});

afterEach(() => opened.scope.end());

/** The kernel has carried out the click: the object is there, and active. */
const answer = () => {
  while (opened.session.link.pending.value.length > 0) opened.done();
  opened.sendMask("m1");
  opened.show([object({ name: "object 1" })], 1);
};
const press = (...keys: string[]) => {
  for (const key of keys) opened.key(key);
};
const hint = () => currentTool(opened.view).hint(opened.view);

describe("after a click, letters", () => {
  beforeEach(() => {
    opened.click(HERE);
    answer();
  });

  it("name the object; Enter accepts it, and the next click begins the next", () => {
    opened.type("cup 2");
    expect(opened.field?.value).toBe("cup 2");
    press("Enter");
    opened.click(THERE);
    expect(opened.requests).toEqual([ADD, named("cup 2"), ACCEPT, NEXT]);
    expect(opened.field).toBeNull();
    expect(document.activeElement).toBe(opened.stage);
  });

  it("are dropped by Escape; the object is still active, and takes others", () => {
    opened.type("cup");
    press("Escape");
    expect(opened.field).toBeNull();
    opened.type("mug");
    press("Enter");
    expect(opened.requests).toEqual([ADD, named("mug"), ACCEPT]);
  });

  it("are the name too when the next click comes without Enter; that click refines", () => {
    opened.type("cup");
    opened.click(THERE);
    expect(opened.requests).toEqual([ADD, named("cup"), NEXT]);
  });

  it("are the name when the focus goes elsewhere, but not when the window loses it", () => {
    opened.type("cup");
    opened.field?.dispatchEvent(new FocusEvent("blur"));
    expect(opened.field?.value).toBe("cup");
    opened.stage.focus();
    expect(opened.requests).toEqual([ADD, named("cup")]);
  });

  it.each(["égalité", "κύπελλο", "кружка", "杯子", "Übertasse", "naïve 🙂"])("may be those of %s", (name) => {
    opened.type(name);
    press("Enter");
    expect(opened.requests).toEqual([ADD, named(name), ACCEPT]);
  });

  it("do not name it with Ctrl or Cmd, and digits, Delete and signs keep their meaning", () => {
    for (const id of ["m2", "m3"]) opened.sendMask(id);
    opened.fake.change("document", { ...opened.session.document.value, candidates: [1, 2, 3].map(candidate) });
    for (const init of [{ ctrlKey: true }, { metaKey: true }]) opened.key("c", init);
    press("2", "7", "+", "]");
    opened.key("z", { ctrlKey: true });
    press("Delete");
    expect(opened.field).toBeNull();
    expect(opened.requests).toEqual([
      ADD,
      { kind: "choose", level: 1 },
      { kind: "undo" },
      { kind: "delete", object: 1 },
    ]);
  });

  it("leave the name as it is where they are only blanks, and where they are the same name", () => {
    opened.type("c");
    opened.field?.select();
    opened.type("   ");
    press("Enter");
    opened.show([object({ name: "cup" })], 1);
    while (opened.session.link.pending.value.length > 0) opened.done();
    opened.type("cup");
    press("Enter");
    expect(opened.requests).toEqual([ADD, ACCEPT, ACCEPT]);
  });

  it("are no more than the kernel takes, and never half a character", () => {
    opened.type("n");
    expect(opened.field?.maxLength).toBe(80);
    if (opened.field) opened.field.value = `${"n".repeat(79)}\ud83d`;
    press("Enter");
    expect(opened.requests).toEqual([ADD, named("n".repeat(79)), ACCEPT]);
  });

  it("that an input method composes stay its own, Enter and Escape too", () => {
    opened.type("n");
    for (const init of [{ isComposing: true }, { keyCode: 229 }]) {
      opened.key("Enter", init);
      opened.key("Escape", init);
    }
    expect(opened.field?.value).toBe("n");
    expect(opened.requests).toEqual([ADD]);
  });
});

const candidate = (number: number) => ({ mask: `m${number}`, score: 0.9 });

describe("a letter alone", () => {
  beforeEach(() => {
    opened.click(HERE);
    answer();
  });

  it.each([
    ["e", [{ ...NEXT, label: 0 }]],
    ["i", [NEXT]],
    ["n", [ACCEPT, NEXT]],
    ["z", [named("z"), NEXT]],
    ["a", [named("a"), NEXT]],
  ])("%s and then a click asks %j", (letter, requests) => {
    opened.type(letter);
    opened.click(THERE);
    expect(opened.requests).toEqual([ADD, ...requests]);
  });

  it("chooses its tool at once; what is typed on, dropped or accepted takes that back", () => {
    const tool = () => opened.fake.traits.tool;
    opened.type("e");
    expect(tool()).toBe("exclude");
    opened.type("g");
    expect(tool()).toBe("include");
    press("Escape");
    opened.type("b");
    press("Escape");
    expect(tool()).toBe("include");
    opened.type("h");
    opened.stage.focus();
    expect([tool(), opened.field]).toEqual(["pan", null]);
    opened.type("b");
    press("Enter");
    expect(tool()).toBe("pan");
    expect(opened.requests).toEqual([ADD, named("b"), ACCEPT]);
  });

  it("is none any more after another letter took its place", () => {
    opened.type("e");
    opened.field?.select();
    opened.type("x");
    if (opened.field) opened.field.value = "";
    opened.field?.dispatchEvent(new Event("input"));
    opened.type("x");
    opened.click(THERE);
    expect(opened.requests).toEqual([ADD, named("x"), NEXT]);
  });

  it("says both that it may become", () => {
    opened.type("e");
    expect(hint()).toBe("Type on for a name · click for exclude");
    opened.type("g");
    expect(hint()).toBe("Enter names and accepts it · Esc drops the name");
  });

  it("is a name with Enter", () => {
    opened.type("e");
    press("Enter");
    expect(opened.requests).toEqual([ADD, named("e"), ACCEPT]);
    expect(opened.fake.traits.tool).toBe("include");
  });

  it("is a name in the field of F2, which begins with the name", () => {
    press("F2");
    expect(opened.field?.value).toBe("object 1");
    opened.type("e");
    opened.click(THERE);
    expect(opened.requests).toEqual([ADD, named("e"), NEXT]);
  });

  it("is the tool's key where an arrow key moves the crosshair next", () => {
    opened.type("e");
    press("ArrowRight");
    opened.space();
    expect(opened.requests).toMatchObject([ADD, { kind: "add_point", label: 0 }]);
  });
});

describe("F2", () => {
  it("names the object; Enter twice is as Enter once", () => {
    opened.click(HERE);
    answer();
    press("F2");
    opened.type("cup");
    press("Enter", "Enter");
    opened.click(THERE);
    expect(opened.requests).toEqual([ADD, named("cup"), ACCEPT, NEXT]);
  });

  it("and Escape leave the name and the object as they are", () => {
    opened.click(HERE);
    answer();
    press("F2", "Escape");
    expect(opened.field).toBeNull();
    opened.click(THERE);
    expect(opened.requests).toEqual([ADD, NEXT]);
  });

  it("does nothing where no object is active", () => {
    press("F2");
    expect(opened.field).toBeNull();
  });
});

describe("while the click is on its way", () => {
  it("letters name the object that it will make, in order with the clicks", () => {
    opened.click(HERE);
    opened.type("cup");
    press("Enter");
    opened.click(THERE);
    opened.type("saucer");
    press("Enter", "Enter");
    expect(opened.requests).toEqual([ADD, named("cup", null), ACCEPT, NEXT, named("saucer", null), ACCEPT]);
  });

  it("Enter accepts it", () => {
    opened.click(HERE);
    press("Enter", "Enter");
    expect(opened.requests).toEqual([ADD, ACCEPT]);
  });

  it("a box may begin an object, and then that one is named", () => {
    opened.show([object()], 1);
    opened.drag(HERE, THERE);
    opened.type("cup");
    press("Enter");
    expect(opened.requests.slice(1)).toEqual([named("cup", null), ACCEPT]);
  });

  it("the field stays as it is when the mask comes", () => {
    opened.click(HERE);
    opened.type("cu");
    answer();
    opened.type("p");
    press("Enter");
    expect(opened.requests).toEqual([ADD, named("cup", null), ACCEPT]);
  });

  it("a click that failed is the failure that is shown, not its name", () => {
    opened.click(HERE);
    opened.type("cup");
    press("Enter");
    const [point, rename] = opened.fake.sent;
    const error = { kind: "error", code: "model", hint: "" };
    opened.fake.receive({ ...error, re: point?.id, message: "The model failed." });
    opened.fake.receive({ ...error, re: rename?.id, code: "prompt", message: "No object is active." });
    expect(opened.session.failure.value?.message).toBe("The model failed.");
  });
});

describe("letters are keys", () => {
  const tool = () => opened.session.settings.tool.value;

  it("while no object is active", () => {
    opened.type("e");
    expect([tool(), opened.field]).toEqual(["exclude", null]);
  });

  it("after the object was accepted", () => {
    opened.click(HERE);
    answer();
    press("Enter");
    opened.type("b");
    expect([tool(), opened.field]).toEqual(["box", null]);
  });

  it("while the help is open, and while there are found objects to choose from", () => {
    opened.show([object()], 1);
    opened.view.state.isHelpOpen.value = true;
    opened.type("b");
    opened.view.state.isHelpOpen.value = false;
    opened.session.everything.phase.value = "done";
    opened.type("e");
    expect([tool(), opened.field]).toEqual(["exclude", null]);
  });

  it("during a drag", () => {
    opened.show([object()], 1);
    opened.pointer("down", HERE);
    opened.type("h");
    expect([tool(), opened.field]).toEqual(["pan", null]);
  });
});

describe("the field", () => {
  const place = () => opened.stage.querySelector<HTMLElement>(".sw-naming")?.style.transform;

  it("is above the mask, and above the click while there is no mask", () => {
    opened.click(HERE);
    opened.type("cup");
    expect(place()).toBe("translate(300px, 142px)");
    press("Escape");
    answer();
    opened.type("cup");
    // The mask's box is [46, 93, 66, 108], and the photo is shown at a scale of 1.5.
    expect(place()).toBe("translate(84px, 131.5px)");
  });

  it("stays on the photo", () => {
    opened.show([object({ box: [590, 0, 600, 10] })], 1);
    opened.type("c");
    Object.defineProperty(opened.field, "offsetWidth", { value: 160 });
    opened.type("up");
    expect(place()).toBe("translate(812px, 36px)");
  });
});
