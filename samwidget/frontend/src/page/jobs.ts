// The order of the kernel's work: one job at a time. A preview waits until nothing else does, and a newer one takes its place.

type Job = () => Promise<void> | void;

export class Jobs {
  readonly #ordered: Job[] = [];
  #preview: Job | null = null;
  #isRunning = false;
  readonly #onError: (error: unknown) => void;

  /** `onError` gets what a job throws; the next one goes on. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  submit(job: Job): void {
    this.#ordered.push(job);
    void this.#run();
  }

  offer(job: Job): void {
    this.#preview = job;
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let job = this.#next(); job; job = this.#next()) {
      try {
        await job();
      } catch (error) {
        this.#onError(error);
      }
      // Messages that came meanwhile go first: a cancel, or a newer preview.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    this.#isRunning = false;
  }

  #next(): Job | null {
    const ordered = this.#ordered.shift();
    if (ordered) return ordered;
    const preview = this.#preview;
    this.#preview = null;
    return preview;
  }
}
