// How long a user waits: from the pointer leaving the screen to the frame that shows the answer. Written to the
// browser's performance timeline, where the benchmark reads it, and shown in the status bar.

const CLICK_TO_DRAWN = "samwidget:click-to-drawn";

type Stage = "asked" | "answered" | "shown";

export class ClickTimer {
  readonly #clicks = new Map<string, { start_ms: number; stage: Stage }>();

  /** The user asked at `start_ms`, on the clock of performance.now(). */
  start(id: string, start_ms: number): void {
    this.#clicks.set(id, { start_ms, stage: "asked" });
  }

  /** The masks for `id` are here; they are drawn with the next document. */
  answered(id: string): void {
    const click = this.#clicks.get(id);
    if (click) click.stage = "answered";
  }

  documentChanged(): void {
    for (const click of this.#clicks.values()) if (click.stage === "answered") click.stage = "shown";
  }

  /** The kernel has carried out `id`; where it needed no new mask this is all that comes. */
  done(id: string): void {
    const click = this.#clicks.get(id);
    if (click) click.stage = "shown";
  }

  failed(id: string): void {
    this.#clicks.delete(id);
  }

  /** A frame is drawn: the newest wait that it ended, ms, or null. */
  drawn(now_ms: number): number | null {
    let last: number | null = null;
    for (const [id, { start_ms, stage }] of this.#clicks) {
      if (stage !== "shown") continue;
      this.#clicks.delete(id);
      performance.measure(CLICK_TO_DRAWN, { start: start_ms, end: now_ms, detail: { id } });
      last = now_ms - start_ms;
    }
    return last;
  }
}
