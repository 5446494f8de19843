// What the kernel of a page does besides leading a conversation: refusals, repeats, failures, order and files.

import { strFromU8, unzipSync } from "fflate";
import { describe, expect, it } from "vitest";

import type { Reply } from "../../src/protocol.ts";
import { DiscNetwork } from "./disc_network.ts";
import { OpenedKernel } from "./opened_kernel.ts";

const CLICK = { kind: "add_point", x: 60, y: 40, label: 1 } as const;

function kinds(replies: readonly Reply[]): string[] {
  return replies.map(({ kind }) => kind);
}

async function opened(): Promise<OpenedKernel> {
  const kernel = new OpenedKernel();
  await kernel.until(() => kernel.status?.phase === "ready");
  return kernel;
}

describe("a page's kernel", () => {
  it("says of what needs Python that the page cannot do it", async () => {
    const kernel = await opened();
    const { id } = await kernel.do({ kind: "paint", object: null, points: [[1, 1]], radius: 3, erase: false });
    const [, error] = kernel.repliesTo(id);
    expect(error).toMatchObject({
      kind: "error",
      code: "page",
      message: expect.stringContaining("This page cannot do that"),
    });
    expect(kernel.document.objects).toEqual([]);
  });

  it("carries out a repeated request once", async () => {
    const kernel = await opened();
    kernel.say(CLICK, "same");
    kernel.say(CLICK, "same");
    await kernel.until(() => kinds(kernel.repliesTo("same")).filter((kind) => kind === "done").length === 2);
    expect(kernel.document.objects[0]?.points).toHaveLength(1);
  });

  it("carries out what was asked while the network was loaded", async () => {
    const kernel = new OpenedKernel();
    const id = kernel.say(CLICK);
    await kernel.until(() => kinds(kernel.repliesTo(id)).includes("done"));
    expect(kernel.document.objects).toHaveLength(1);
  });

  it("replies to the newest preview alone", async () => {
    const kernel = new OpenedKernel();
    const ids = [10, 20, 30].map((x) => kernel.say({ kind: "hover", x, y: 20, label: 1 }));
    await kernel.until(() => kinds(kernel.repliesTo(ids[2] as string)).includes("preview"));
    expect(ids.map((id) => kinds(kernel.repliesTo(id)))).toEqual([["ack"], ["ack"], ["ack", "preview"]]);
  });

  it("shows why the network cannot be loaded", async () => {
    const kernel = new OpenedKernel({ open: () => Promise.reject(new Error("no WebAssembly")) });
    await kernel.until(() => kernel.status?.phase === "failed");
    expect(kernel.status?.error?.message).toBe("No WebAssembly.");
    const { id } = await kernel.do(CLICK);
    expect(kernel.repliesTo(id).at(-1)).toMatchObject({ kind: "error" });
  });

  it("measures objects at another threshold", async () => {
    const kernel = await opened();
    await kernel.do(CLICK);
    const before = kernel.document.objects[0]?.area as number;
    kernel.kernel.setThreshold(2);
    await kernel.until(() => (kernel.document.objects[0]?.area as number) < before);
  });

  it("makes the objects that the page brings", async () => {
    const objects = [
      {
        name: "cup",
        class: null,
        points: [[60, 40, 1] as [number, number, 1]],
        box: null,
        levels: { chosen: 2, refined: null },
        visible: true,
        locked: false,
      },
    ];
    const kernel = new OpenedKernel({ objects });
    await kernel.until(() => kernel.document.objects.length === 1);
    expect(kernel.document.objects[0]).toMatchObject({ name: "cup", level: 2 });
  });

  it("keeps on the screen what a search has found until it is stopped", async () => {
    const kernel = await opened();
    const id = kernel.say({ kind: "everything", points_per_side: 8 });
    const isFound = () =>
      kernel.sent.some((item) => "reply" in item && item.reply.kind === "found" && item.reply.done > 2);
    await kernel.until(isFound);
    await kernel.do({ kind: "cancel_everything" });
    expect(kinds(kernel.repliesTo(id)).at(-1)).toBe("done");
    const last = kernel.sent
      .flatMap((item) => ("reply" in item && item.reply.kind === "found" ? [item.reply] : []))
      .at(-1);
    expect(last).toMatchObject({ phase: "cancelled", total: 64 });
  });

  it("writes COCO and a label map", async () => {
    const kernel = await opened();
    await kernel.do(CLICK);
    await kernel.do({ kind: "set_class", objects: null, class: "cup" });
    const file = async (format: string) => {
      const { id } = await kernel.do({ kind: "export", format, all: false });
      return kernel.repliesTo(id).at(-1) as Extract<Reply, { kind: "exported" }>;
    };
    const coco = await file("coco");
    expect(coco.file_name).toBe("cups.json");
    const { annotations, categories, images } = JSON.parse(strFromU8(coco.bytes));
    expect(categories).toEqual([{ id: 1, name: "cup", supercategory: "" }]);
    expect(images[0]).toMatchObject({ file_name: "cups.jpg", height: 96, width: 128 });
    expect(annotations[0]).toMatchObject({ area: kernel.document.objects[0]?.area, category_id: 1, name: "object 1" });
    const map = await file("label_map");
    expect(map.file_name).toBe("cups.zip");
    expect(strFromU8(unzipSync(map.bytes)["cups.csv"] as Uint8Array)).toContain("1,object 1,cup,0.8999");
    const { id } = await kernel.do({ kind: "export", format: "yolo", all: false });
    expect(kernel.repliesTo(id).at(-1)).toMatchObject({ kind: "error", code: "prompt" });
  });

  it("has nothing to export before there is an object", async () => {
    const kernel = await opened();
    const { id } = await kernel.do({ kind: "export", format: "coco", all: false });
    expect(kernel.repliesTo(id).at(-1)).toMatchObject({ kind: "error" });
  });

  it("ends a search with an error where the network fails", async () => {
    class FailingNetwork extends DiscNetwork {
      override predict(): Promise<never> {
        return Promise.reject(new Error("out of memory"));
      }
    }
    const kernel = new OpenedKernel({ open: async () => ({ network: new FailingNetwork(), encode_s: 0 }) });
    const { id } = await kernel.do({ kind: "everything", points_per_side: 4 });
    expect(kernel.repliesTo(id).at(-1)).toMatchObject({ kind: "error", message: "Out of memory." });
  });
});
