import { describe, expect, it } from "vitest";

import { areasSvg } from "../../../src/page/lesson/curve.ts";

describe("the curve of areas", () => {
  it("falls from the left to the right, with a disc at the threshold that is set", () => {
    const svg = new DOMParser().parseFromString(areasSvg([-2, -1, 0], [0.5, 0.25, 0], 1), "image/svg+xml");
    expect(svg.querySelector("polyline")?.getAttribute("points")).toBe("46.0,10.0 228.0,95.0 410.0,180.0");
    const disc = svg.querySelector("circle");
    expect([disc?.getAttribute("cx"), disc?.getAttribute("cy")]).toEqual(["228.0", "95.0"]);
    const texts = [...svg.querySelectorAll("text")].map(({ textContent }) => textContent);
    expect(texts).toEqual(["50 %", "0 %", "\u22122", "0", "threshold, in logits", "area"]);
  });
});
