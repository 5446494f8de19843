// A grid on the photo beside the number of each fate. On request: the masks that a rule has dropped, and the best mask of one
// point with the reason of its fate.

import { element } from "./elements.ts";
import { css } from "./figure.ts";
import type { Grid } from "./grid.ts";
import { drawnGrid, FATE_COLOURS } from "./grid_canvas.ts";
import {
  type Candidate,
  FATES,
  type Fate,
  type JudgedPoint,
  judgedPoints,
  type Reasons,
  reasonOf,
  type Settings,
} from "./grid_rules.ts";
import type { LivePhoto } from "./photo.ts";

interface Row {
  row: HTMLButtonElement;
  bar: HTMLElement;
  count: HTMLElement;
}

interface Content {
  grid: Grid;
  settings: Settings;
  points: JudgedPoint[];
}

export class GridPicture {
  readonly element: HTMLElement;
  readonly #photo: LivePhoto;
  readonly #texts: Reasons;
  readonly #stage = element("div", {
    class: "sw-lesson-photo is-grid",
    tabindex: "0",
    role: "application",
    "aria-label": "The points of the grid. The arrow keys choose one.",
  });
  readonly #reason = element("p", { class: "sw-lesson-reason", role: "status" });
  readonly #total = element("p", { class: "sw-lesson-total" });
  readonly #rows: Readonly<Record<Fate, Row>>;
  readonly #dropped = new Set<Fate>();
  #content: Content | null = null;
  #chosen: number | null = null;
  #isDrawing = false;
  #isStale = false;

  constructor(photo: LivePhoto, texts: Reasons) {
    this.#photo = photo;
    this.#texts = texts;
    this.#rows = Object.fromEntries(FATES.map((fate) => [fate, this.#rowOf(fate)])) as Record<Fate, Row>;
    const rows = FATES.map((fate) => this.#rows[fate].row);
    const hint = element("p", { class: "sw-lesson-hint" }, "Press a rule to see what it drops, or a point to see why.");
    this.#stage.addEventListener("click", (event) => this.#press(event));
    this.#stage.addEventListener("keydown", (event) => this.#step(event));
    this.element = element(
      "div",
      { class: "sw-lesson-pair is-wide" },
      this.#stage,
      element("div", { class: "sw-lesson-fates" }, this.#total, ...rows, hint, this.#reason),
    );
  }

  /** The objects that are kept. */
  get objects(): Candidate[] {
    return this.#content?.points.flatMap(({ objects }) => objects) ?? [];
  }

  show(grid: Grid, settings: Settings): void {
    if (grid !== this.#content?.grid) this.#chosen = null;
    this.#content = { grid, settings, points: judgedPoints(grid.asked, settings) };
    const counts = FATES.map((fate) => this.#pointsOf(fate).length);
    for (const [index, fate] of FATES.entries()) {
      const { bar, count } = this.#rows[fate];
      bar.style.inlineSize = `${(100 * (counts[index] as number)) / grid.points.length}%`;
      count.textContent = String(counts[index]);
    }
    const objects = this.objects.length;
    this.#total.textContent = `${grid.asked.length} clicks, ${objects} object${objects === 1 ? "" : "s"}`;
    this.#explain();
    void this.#draw();
  }

  #rowOf(fate: Fate): Row {
    const [bar, count] = [element("span", { class: "sw-lesson-bar" }), element("b")];
    const style = `--sw-disc: ${css(FATE_COLOURS[fate])}`;
    const row = element(
      "button",
      { type: "button", class: "sw-lesson-fate", style, "data-fate": fate },
      element("span", { class: "sw-lesson-disc" }),
      element("span", {}, fate),
      count,
      bar,
    );
    if (fate === "kept") {
      row.disabled = true;
      return { row, bar, count };
    }
    row.setAttribute("aria-pressed", "false");
    row.addEventListener("click", () => {
      const isOn = !this.#dropped.delete(fate);
      if (isOn) this.#dropped.add(fate);
      row.setAttribute("aria-pressed", String(isOn));
      void this.#draw();
    });
    return { row, bar, count };
  }

  #pointsOf(fate: Fate): JudgedPoint[] {
    return this.#content?.points.filter((point) => point.fate === fate) ?? [];
  }

  #press({ clientX, clientY }: MouseEvent): void {
    const canvas = this.#stage.querySelector("canvas");
    if (!canvas || !this.#content) return;
    const { left, top, width } = canvas.getBoundingClientRect();
    const scale = (this.#photo.manifest.photo.size_hw[1] as number) / width;
    const [x, y] = [(clientX - left) * scale, (clientY - top) * scale];
    const far = this.#content.points.map((point) => Math.hypot(point.x - x, point.y - y));
    this.#choose(far.length > 0 ? far.indexOf(Math.min(...far)) : null);
  }

  #step(event: KeyboardEvent): void {
    const side = this.#content?.grid.side ?? 0;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -side, ArrowDown: side }[event.key];
    const count = this.#content?.points.length ?? 0;
    if (step === undefined || count === 0) return;
    event.preventDefault();
    const next = this.#chosen === null ? 0 : this.#chosen + step;
    if (next >= 0 && next < count) this.#choose(next);
  }

  #choose(index: number | null): void {
    this.#chosen = index === this.#chosen ? null : index;
    this.#explain();
    void this.#draw();
  }

  #explain(): void {
    const point = this.#chosenPoint();
    if (!this.#content || !point) {
      this.#reason.textContent = "";
      return;
    }
    const reason = reasonOf(point, this.#content.settings, this.#texts);
    this.#reason.textContent = `The point at (${point.x.toFixed(0)}, ${point.y.toFixed(0)}): ${point.fate}, ${reason}.`;
  }

  #chosenPoint(): JudgedPoint | null {
    return this.#chosen === null ? null : (this.#content?.points[this.#chosen] ?? null);
  }

  /** Draws what is shown; what changes meanwhile is drawn after it. */
  async #draw(): Promise<void> {
    this.#isStale = true;
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    try {
      while (this.#isStale) {
        this.#isStale = false;
        if (this.#content) {
          const { grid, points } = this.#content;
          const dropped = [...this.#dropped].map((fate) => ({
            colour: FATE_COLOURS[fate],
            points: this.#pointsOf(fate),
          }));
          const drawing = { points, grid: grid.points, side: grid.side, dropped, chosen: this.#chosen };
          this.#stage.replaceChildren(await drawnGrid(this.#photo, drawing));
        }
      }
    } finally {
      this.#isDrawing = false;
    }
  }
}
