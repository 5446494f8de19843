import { zlibSync } from "fflate";
import { beforeAll, describe, expect, it } from "vitest";

import { decode, MaskStore } from "../src/mask_store.ts";
import { FRAME, mask, stubBrowser } from "./fakes.ts";

beforeAll(stubBrowser);

describe("decode", () => {
  it("inflates to exactly the window", () => {
    const bytes = new Uint8Array([0, 127, 128, 255, 1, 2]);
    const header = { mask: "m1", window: [1, 2, 3, 2] as [number, number, number, number], scale: 16 };
    expect([...decode(FRAME, header, zlibSync(bytes)).bytes]).toEqual([...bytes]);
  });

  it("takes no bytes for an empty mask", () => {
    const empty = decode(FRAME, { mask: "m1", window: [0, 0, 0, 0], scale: 16 }, new Uint8Array());
    expect(empty.bytes.length).toBe(0);
  });

  it.each([
    ["too few bytes", zlibSync(new Uint8Array(5))],
    ["too many bytes", zlibSync(new Uint8Array(70))],
    ["no zlib stream", new Uint8Array([1, 2, 3])],
  ])("refuses %s", (_, buffer) => {
    expect(() => decode(FRAME, { mask: "m1", window: [0, 0, 3, 2], scale: 16 }, buffer)).toThrow("mask m1");
  });
});

describe("MaskStore", () => {
  it("keeps what it has seen, and makes a path once for each threshold", () => {
    const store = new MaskStore();
    const { header, buffer } = mask("m1");
    store.add(FRAME, [header], [buffer], 0);
    const path = store.path("m1", 0);
    expect(path).not.toBeNull();
    expect(store.path("m1", 0)).toBe(path);
    expect(store.path("m1", 1)).not.toBe(path);
    expect(store.path("m2", 0)).toBeNull();
  });

  it("keeps the bytes of masks whose path it has let go", () => {
    const store = new MaskStore();
    const many = Array.from({ length: 1100 }, (_, i) => mask(`m${i}`));
    store.add(
      FRAME,
      many.map(({ header }) => header),
      many.map(({ buffer }) => buffer),
      0,
    );
    expect(store.path("m0", 0)).not.toBeNull();
  });

  it("forgets the oldest masks that nothing names any more", () => {
    const store = new MaskStore();
    const many = Array.from({ length: 1000 }, (_, i) => mask(`m${i}`));
    for (const { header, buffer } of many) store.add(FRAME, [header], [buffer], 0);
    store.forgetOthers(new Set(["m0", "m5"]));
    const kept = many.map(({ header }) => header.mask).filter((id) => store.has(id));
    expect(kept).toEqual(["m0", "m5", ...many.slice(-256).map(({ header }) => header.mask)]);
    expect(store.path("m1", 0)).toBeNull();
  });

  it("keeps masks that nothing names only as they came: inflated with their paths they take ten times the memory", () => {
    const store = new MaskStore();
    const two = [mask("named"), mask("other")];
    for (const { header, buffer } of two) store.add(FRAME, [header], [buffer], 0);
    const paths = two.map(({ header }) => store.path(header.mask, 0));
    store.forgetOthers(new Set(["named"]));
    expect(store.path("named", 0)).toBe(paths[0]);
    expect(store.path("other", 0)).not.toBe(paths[1]);
    expect(store.path("other", 0)).not.toBeNull();
  });

  it("keeps nothing of a message with a broken mask", () => {
    const store = new MaskStore();
    const { header, buffer } = mask("m1");
    const broken = { ...mask("m2").header, window: [0, 0, 9, 9] as [number, number, number, number] };
    expect(() => store.add(FRAME, [header, broken], [buffer, buffer], 0)).toThrow("mask m2");
    expect(store.path("m1", 0)).toBeNull();
  });

  it("copies, because the host may use its buffer again", () => {
    const store = new MaskStore();
    const { header, buffer } = mask("m1");
    store.add(FRAME, [header], [buffer], 0);
    buffer.fill(0);
    // So many others push its path out, so that it is made from the kept bytes again.
    for (let i = 0; i < 1100; i++) store.add(FRAME, [mask(`n${i}`).header], [mask(`n${i}`).buffer], 0);
    expect(store.path("m1", 0)).not.toBeNull();
  });
});
