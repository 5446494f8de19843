// A grid of clicks on a photo, asked one point after the other while somebody wants it. The answers stay, so that a grid is
// asked once for all places of the page.

import { EMPTY_PROMPT, type Prompt, point } from "../values.ts";
import {
  type AskedPoint,
  type Candidate,
  gridPoints,
  judgedPoints,
  overlapMeasures,
  type Settings,
} from "./grid_rules.ts";
import type { Measures } from "./measures.ts";
import type { FoundView } from "./messages.ts";
import type { LivePhoto } from "./photo.ts";

const CANDIDATES = 3;
const grids = new WeakMap<LivePhoto, Map<number, Grid>>();

/** The grid of a photo with this many points per side. */
export function gridOf(photo: LivePhoto, side: number): Grid {
  const known = grids.get(photo) ?? new Map<number, Grid>();
  grids.set(photo, known);
  const grid = known.get(side) ?? new Grid(photo, side);
  known.set(side, grid);
  return grid;
}

export class Grid {
  readonly side: number;
  /** The first ones of its points, with their candidates. */
  readonly asked: AskedPoint[] = [];
  /** All of them, row by row, in image pixels. */
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly #photo: LivePhoto;
  readonly #wanted = new Set<unknown>();
  /** They are called after each point. */
  readonly watchers = new Set<() => void>();
  #running: Promise<void> | null = null;

  constructor(photo: LivePhoto, side: number) {
    this.#photo = photo;
    this.side = side;
    this.points = gridPoints(side, photo.manifest.photo.size_hw);
  }

  get isWhole(): boolean {
    return this.asked.length === this.points.length;
  }

  /** Asks the points that are left; ends when all are asked, or the owner drops them. Rejects where the network fails. */
  async want(owner: unknown): Promise<void> {
    this.#wanted.add(owner);
    try {
      while (!this.isWhole && this.#wanted.has(owner)) {
        this.#running ??= this.#run().finally(() => {
          this.#running = null;
        });
        await this.#running;
      }
    } finally {
      this.#wanted.delete(owner);
    }
  }

  /** The owner wants no more points. */
  drop(owner: unknown): void {
    this.#wanted.delete(owner);
  }

  async #run(): Promise<void> {
    let next = this.#ask(this.asked.length);
    while (next) {
      this.asked.push(await next);
      // The network computes while the watchers draw.
      next = this.#wanted.size > 0 ? this.#ask(this.asked.length) : null;
      for (const watch of [...this.watchers]) watch();
    }
  }

  /** The point with this index; null where there is none. */
  #ask(index: number): Promise<AskedPoint> | null {
    const xy = this.points[index];
    if (!xy) return null;
    const [x, y] = xy;
    const prompt: Prompt = { ...EMPTY_PROMPT, points: [point(x, y, 1)] };
    const offset = this.#photo.manifest.everything.stability_offset;
    const views = this.#photo.ask<"found">({ kind: "found", prompt, offset });
    return views.then((items) => ({
      x,
      y,
      candidates: items.flatMap((view, level) => candidateOf(view, CANDIDATES * index + level)),
    }));
  }
}

function candidateOf({ box, score, stability, area, part }: FoundView, id: number): Candidate[] {
  return box === null ? [] : [{ id, score, stability, area, box, part }];
}

/** A grid whose objects are compared with what one has clicked. */
export interface ComparedGrid {
  side: number;
  settings: Settings;
}

/** How well the last object of a document fits an object that the grid has. */
export async function missedMeasures(
  { side, settings }: ComparedGrid,
  photo: LivePhoto,
  prompt: Prompt,
  level: number,
): Promise<Measures> {
  const grid = gridOf(photo, side);
  await grid.want(missedMeasures);
  const views = await photo.ask<"candidates">({ kind: "candidates", prompt, truth: null, threshold: 0 });
  const { inside, area } = views[level] as (typeof views)[number];
  const [height, width] = photo.manifest.photo.size_hw;
  return { area, ...overlapMeasures({ inside, width, height }, judgedPoints(grid.asked, settings)) };
}
