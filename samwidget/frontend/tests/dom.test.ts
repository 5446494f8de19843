import { signal } from "@preact/signals-core";
import { describe, expect, it, vi } from "vitest";

import { Scope } from "../src/dom.ts";

describe("a scope", () => {
  it("calls back with the values of the listed signals, and follows no other", () => {
    const scope = new Scope();
    const [width, height, title] = [signal(2), signal(3), signal("a")];
    const react = vi.fn<(width: number, height: number) => void>(() => void title.value);
    scope.watch([width, height], react);
    expect(react.mock.calls).toEqual([[2, 3]]);
    height.value = 4;
    title.value = "b";
    expect(react.mock.calls).toEqual([
      [2, 3],
      [2, 4],
    ]);
    scope.end();
    width.value = 9;
    expect(react).toHaveBeenCalledTimes(2);
  });

  it("may change a signal that it watches", () => {
    const scope = new Scope();
    const count = signal(0);
    scope.watch([count], (value) => {
      count.value = Math.min(3, value + 1);
    });
    expect(count.value).toBe(3);
    scope.end();
  });

  it("ends with its parent, also one that has ended before", () => {
    const parent = new AbortController();
    const scope = new Scope(parent.signal);
    const listener = vi.fn<() => void>();
    scope.listen(document.body, "click", listener);
    parent.abort();
    document.body.click();
    expect(listener).not.toHaveBeenCalled();
    expect(new Scope(parent.signal).signal.aborted).toBe(true);
  });
});
