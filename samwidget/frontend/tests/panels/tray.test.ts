import { beforeEach, describe, expect, it } from "vitest";

import { trayPanel } from "../../src/panels/tray.ts";
import { workingPanel } from "../../src/panels/working.ts";
import { OpenedView, object } from "../opened_view.ts";

let opened: OpenedView;
let tray: HTMLElement;

beforeEach(() => {
  opened = new OpenedView();
  tray = trayPanel(opened.view, opened.scope);
  opened.view.root.append(tray);
});

const visible = () =>
  [...tray.children]
    .filter((child) => !(child as HTMLElement).hidden && !child.classList.contains("sw-mend"))
    .map((child) => child.className);
const hint = () => tray.querySelector(".sw-lead")?.textContent;
const find = (phase: string) =>
  opened.fake.receive({
    kind: "found",
    image: "a",
    search: "s",
    search_kind: "everything",
    phase,
    done: 0,
    total: 0,
    is_whole: true,
    added: [],
    removed: [],
    masks: [],
  });

describe("the tray", () => {
  it("shows the hint, then the candidates, then the search, and one of them at a time", () => {
    expect(visible()).toEqual(["sw-lead"]);
    expect(hint()).toBe("Click to include · right-click to exclude · drag for a box");
    opened.show([object()], 1);
    expect(visible()).toEqual(["sw-candidates"]);
    expect(opened.view.root.getAttribute("data-tray")).toBe("candidates");
    find("running");
    expect(visible()).toEqual(["sw-everything"]);
    find("none");
    expect(visible()).toEqual(["sw-candidates"]);
    opened.show([object()]);
    expect(visible()).toEqual(["sw-lead"]);
    expect(opened.view.root.getAttribute("data-tray")).toBe("hint");
  });

  it("says what is urgent, and offers no candidates without a kernel", () => {
    opened.show([object()], 1);
    opened.session.presence.value = "absent";
    expect(visible()[0]).toContain("sw-lead");
    expect(hint()).toBe("There is no kernel. Run the cell to continue.");
    expect(tray.querySelector(".sw-lead")?.classList.contains("sw-strong")).toBe(true);
  });

  it("gives the focus back to the photo when a focused button goes", () => {
    opened.show([object()], 1);
    tray.querySelector<HTMLElement>('[data-sw="accept"]')?.focus();
    opened.show([object()]);
    expect(document.activeElement).toBe(opened.stage);
  });
});

describe("what the widget waits for", () => {
  const changeStatus = (phase: string) =>
    opened.fake.change("status", { ...opened.fake.traits.status, phase } as never);

  it("is on the photo until a click is answered at once", () => {
    const panel = workingPanel(opened.view, opened.scope);
    expect(panel.hidden).toBe(true);
    for (const [phase, text] of [
      ["loading", "Loading the model…"],
      ["encoding", "Encoding the image…"],
    ] as const) {
      changeStatus(phase);
      expect([panel.hidden, panel.textContent]).toEqual([false, text]);
    }
    changeStatus("failed");
    expect(panel.hidden).toBe(true);
    changeStatus("ready");
    opened.session.photo.value = null;
    expect([panel.hidden, panel.textContent]).toEqual([false, "Loading the image…"]);
    opened.session.presence.value = "absent";
    expect(panel.hidden).toBe(true);
  });
});
