import { describe, expect, it } from "vitest";

import { type Correction, correctionsOnScreen, forRequest, NO_CORRECTIONS, simplified } from "../src/corrections.ts";
import type { Request } from "../src/protocol.ts";
import { documentOf, object } from "./opened_view.ts";

const paint = (target: number | null, erase = false): Request => ({
  kind: "paint",
  object: target,
  points: [
    [1, 2],
    [3, 4],
  ],
  radius: 5,
  erase,
});
const stroke = (isErased = false): Correction => ({
  kind: "stroke",
  points: [
    { x: 1, y: 2 },
    { x: 3, y: 4 },
  ],
  radius: 5,
  isErased,
});
const two = documentOf([object(), object({ id: 2, mask: "m2" })], 1);

describe("corrections on the screen", () => {
  const shown = (pending: Request[], draft: Correction | null = null, document = two) => {
    const { object: target, corrections } = correctionsOnScreen(document, pending, draft);
    return [target?.id ?? null, corrections];
  };

  it("are none without a request and a gesture", () => {
    expect(correctionsOnScreen(two, [], null)).toBe(NO_CORRECTIONS);
    expect(correctionsOnScreen(two, [{ kind: "undo" }], null)).toBe(NO_CORRECTIONS);
  });

  it.each<[string, Request[], Correction | null, unknown]>([
    ["the stroke that is drawn", [], stroke(), [1, [stroke()]]],
    ["one that is pending, and the next one", [paint(1)], stroke(true), [1, [stroke(), stroke(true)]]],
    ["one for the active object, whatever its id", [paint(null)], null, [1, [stroke()]]],
    ["one for another object: that one is active then", [paint(2)], null, [2, [stroke()]]],
    ["one for a new object", [{ kind: "accept" }], stroke(), [null, [stroke()]]],
    ["none of the object before", [paint(1), { kind: "accept" }], stroke(true), [null, [stroke(true)]]],
    ["one for an object that is selected", [{ kind: "select", object: 2 }], stroke(), [2, [stroke()]]],
  ])("are %s", (_, pending, draft, expected) => {
    expect(shown(pending, draft)).toEqual(expected);
  });

  it("begin an object where none is active", () => {
    expect(shown([paint(null)], null, documentOf([object()], null))).toEqual([null, [stroke()]]);
  });

  it("are the same values as long as their requests are pending", () => {
    const pending = [paint(1), paint(1, true)];
    const [, before] = shown(pending);
    const [, after] = shown([...pending, { kind: "undo" }]);
    expect((after as Correction[])[0]).toBe((before as Correction[])[0]);
  });
});

describe("the points of a request", () => {
  const line = (count: number, bend: (x: number) => number) =>
    Array.from({ length: count }, (_, x) => ({ x, y: bend(x) }));

  it("leave out what nobody sees", () => {
    expect(
      simplified(
        line(100, () => 7),
        0.3,
      ),
    ).toEqual([
      { x: 0, y: 7 },
      { x: 99, y: 7 },
    ]);
    expect(simplified([{ x: 1, y: 1 }], 0.3)).toEqual([{ x: 1, y: 1 }]);
    expect(
      simplified(
        line(5, (x) => (x === 2 ? 1 : 0)),
        0.3,
      ),
    ).toHaveLength(5);
  });

  it("stay within the tolerance", () => {
    const wave = line(400, (x) => 20 * Math.sin(x / 15));
    const kept = simplified(wave, 0.5);
    expect(kept.length).toBeLessThan(100);
    for (const { x, y } of wave) {
      const after = kept.findIndex((point) => point.x >= x);
      const [a, b] = [kept[Math.max(0, after - 1)], kept[after]];
      if (!a || !b) continue;
      const t = b.x === a.x ? 0 : (x - a.x) / (b.x - a.x);
      expect(Math.abs(a.y + t * (b.y - a.y) - y)).toBeLessThan(0.75);
    }
  });

  it("fit into a message, however long the line is", () => {
    const noise = line(50_000, (x) => 1000 + 900 * Math.sin(x * x));
    expect(JSON.stringify(forRequest(noise, 0.1)).length).toBeLessThan(48_000);
  });

  it("are rounded", () => {
    expect(forRequest([{ x: 1.2345, y: 9.96 }], 1)).toEqual([[1.2, 10]]);
  });
});
