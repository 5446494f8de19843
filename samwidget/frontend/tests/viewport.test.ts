import { describe, expect, it } from "vitest";

import fixture from "../../../tests/shared/viewport.json";
import {
  clamp,
  fitted,
  panBy,
  scaleAt,
  toImage,
  toScreen,
  type Viewport,
  visibleBox,
  zoomAt,
} from "../src/viewport.ts";

interface Case {
  name: string;
  image: [number, number];
  stage: [number, number];
  fit: Viewport;
  pairs: { image: [number, number]; screen: [number, number] }[];
}

const extent = ([width, height]: [number, number]) => ({ width, height });
const point = ([x, y]: [number, number]) => ({ x, y });
const { cases } = fixture as unknown as { cases: Case[] };
const image = { width: 600, height: 400 };
const stage = { width: 900, height: 700 };

describe.each(cases)("$name", (example) => {
  const view = fitted(extent(example.image), extent(example.stage));

  it("fits", () => expect(view).toEqual(example.fit));

  it.each(example.pairs)("$image is at $screen, and back", (pair) => {
    const screen = toScreen(view, point(pair.image));
    expect(screen.x).toBeCloseTo(pair.screen[0]);
    expect(screen.y).toBeCloseTo(pair.screen[1]);
    const back = toImage(view, screen);
    expect(back.x).toBeCloseTo(pair.image[0]);
    expect(back.y).toBeCloseTo(pair.image[1]);
  });
});

describe("zoom", () => {
  it("holds the image point under the pointer", () => {
    const about = { x: 450, y: 300 };
    const before = fitted(image, stage);
    const after = zoomAt(before, 3, about, image, stage);
    expect(after.scale).toBeCloseTo(4.5);
    expect(toImage(after, about).x).toBeCloseTo(toImage(before, about).x);
    expect(toImage(after, about).y).toBeCloseTo(toImage(before, about).y);
  });

  it("stays within its limits", () => {
    const view = fitted(image, stage);
    const about = { x: 0, y: 0 };
    expect(zoomAt(view, 1e6, about, image, stage).scale).toBe(32);
    expect(zoomAt(view, 1e-6, about, image, stage).scale).toBe(1);
    expect(scaleAt(view, 2, about, image, stage).scale).toBe(2);
  });
});

describe("pan", () => {
  it("moves, but not off the stage", () => {
    const view = scaleAt(fitted(image, stage), 4, { x: 450, y: 350 }, image, stage);
    expect(panBy(view, { x: 10, y: -5 }, image, stage)).toEqual({ scale: 4, x: view.x + 10, y: view.y - 5 });
    const far = panBy(view, { x: 1e6, y: 1e6 }, image, stage);
    expect(toImage(far, { x: stage.width, y: stage.height }).x).toBeGreaterThan(0);
    expect(far.x).toBeLessThan(stage.width);
  });

  it("leaves a view alone that is within the limits", () => {
    const view = fitted(image, stage);
    expect(clamp(view, image, stage)).toEqual(view);
  });
});

describe("visibleBox", () => {
  it("is the image's part on the stage", () => {
    expect(visibleBox({ scale: 2, x: -100, y: 50 }, image, stage)).toEqual([50, 0, 500, 325]);
    expect(visibleBox({ scale: 1, x: 950, y: 0 }, image, stage)).toBeNull();
  });
});
