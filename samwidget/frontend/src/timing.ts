// How long a user waits: from the pointer leaving the screen to the frame that shows the new masks. The last wait is in
// the browser's performance timeline, where the benchmark reads it, and in the status bar.

const CLICK_TO_DRAWN = "samwidget:click-to-drawn";

/** `ready`: the next frame shows the result. */
type ClickPhase = "asked" | "masks arrived" | "ready";

export class ClickTimer {
  readonly #clicks = new Map<string, { start_ms: number; phase: ClickPhase }>();

  /** The user asked at `start_ms`, on the clock of performance.now(). */
  start(id: string, start_ms: number): void {
    this.#clicks.set(id, { start_ms, phase: "asked" });
  }

  /** The masks for request `id` are here; they are drawn with the next document. */
  masksArrived(id: string): void {
    const click = this.#clicks.get(id);
    if (click) click.phase = "masks arrived";
  }

  documentChanged(): void {
    for (const click of this.#clicks.values()) if (click.phase === "masks arrived") click.phase = "ready";
  }

  /** The kernel has carried out request `id`; where it needed no new mask, only this message comes. */
  done(id: string): void {
    const click = this.#clicks.get(id);
    if (click) click.phase = "ready";
  }

  failed(id: string): void {
    this.#clicks.delete(id);
  }

  /** A frame was drawn at `now_ms`: returns the newest wait that it ended, in ms, or null. */
  drawn(now_ms: number): number | null {
    let wait_ms: number | null = null;
    for (const [id, { start_ms, phase }] of this.#clicks) {
      if (phase !== "ready") continue;
      this.#clicks.delete(id);
      performance.clearMeasures(CLICK_TO_DRAWN); // the timeline would keep every click of the page
      performance.measure(CLICK_TO_DRAWN, { start: start_ms, end: now_ms, detail: { id } });
      wait_ms = now_ms - start_ms;
    }
    return wait_ms;
  }
}
