// The model of a page: the interface that a host gives the widget.

import { describe, expect, it, vi } from "vitest";

import type { ToWorker } from "../../src/page/manifest.ts";
import { PageModel } from "../../src/page/model.ts";

function opened() {
  const sent: ToWorker[] = [];
  const page = new PageModel("nano", (message) => sent.push(message));
  return { page, model: page.model, sent };
}

describe("the model of a page", () => {
  it("passes requests to the worker and its messages to the view", () => {
    const { page, model, sent } = opened();
    const listener = vi.fn();
    model.on("msg:custom", listener);
    model.send({ v: 1, id: "r1", kind: "hello" });
    expect(sent).toEqual([{ request: { v: 1, id: "r1", kind: "hello" } }]);
    page.receive({ message: { kind: "ack", re: "r1" }, buffers: [] });
    expect(listener).toHaveBeenCalledWith({ kind: "ack", re: "r1" }, []);
    model.off("msg:custom", listener);
    page.receive({ message: { kind: "done", re: "r1" }, buffers: [] });
    expect(listener).toHaveBeenCalledTimes(1);
  });

  it("tells the view of a trait, and the worker of the threshold alone", () => {
    const { page, model, sent } = opened();
    const listener = vi.fn();
    model.on("change:status", listener);
    page.receive({ trait: "status", value: { phase: "ready" } });
    expect(listener).toHaveBeenCalledTimes(1);
    expect(model.get("status").phase).toBe("ready");
    model.set("opacity", 0.2);
    model.set("threshold", 1);
    model.save_changes();
    expect(sent).toEqual([{ threshold: 1 }]);
  });

  it("keeps the tool where a key asks for one that a page does not have", async () => {
    const { model } = opened();
    const listener = vi.fn();
    model.on("change:tool", listener);
    model.set("tool", "brush");
    await Promise.resolve();
    expect(model.get("tool")).toBe("include");
    expect(listener).toHaveBeenCalledTimes(1);
  });
});
