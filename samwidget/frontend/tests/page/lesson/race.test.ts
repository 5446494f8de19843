import { describe, expect, it } from "vitest";

import { clicksTo, curvesSvg } from "../../../src/page/lesson/curve.ts";
import { fromRuns } from "../../../src/page/lesson/masks.ts";
import { markMeasures } from "../../../src/page/lesson/robot.ts";

describe("the race", () => {
  it("counts the clicks to a target", () => {
    expect([clicksTo([0.2, 0.9, 0.8], 0.85), clicksTo([0.2], 0.85), clicksTo([], 0.85)]).toEqual([2, 0, 0]);
  });

  it("draws a curve for each racer, and says when each got there", () => {
    const racer = { colour: "#000", is_dashed: false };
    const svg = curvesSvg(
      [
        { name: "you", ious: [0.2, 0.9], ...racer },
        { name: "the robot", ious: [0.1], ...racer },
      ],
      0.85,
      3,
    );
    expect(svg.match(/<circle/g)).toHaveLength(2 + 2 + 1);
    expect(svg).toContain("you: 2 to 0.85");
    expect(svg).toContain("the robot: never to 0.85");
  });

  it("measures how deep in the object a mark is", () => {
    const truth = fromRuns([0, 25], [5, 5]);
    expect(markMeasures(truth, [2, 2])).toMatchObject({ x: 2, y: 2, is_on: 1, depth: 3 });
    expect(markMeasures(truth, [9, 2])).toMatchObject({ is_on: 0, depth: 0 });
  });
});
