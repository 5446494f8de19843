// The line to the kernel: gives each request its id, waits for acknowledgement and answer, and knows what is still
// pending. One link for a model, shared by its views. What the answers mean is decided by those who asked.

import { signal } from "@preact/signals-core";

import { type Answer, type Envelope, envelope, type Request } from "./protocol.ts";

/** Without an acknowledgement after this long the kernel is running something else. */
export const BUSY_AFTER_MS = 400;
/** ... and after this long it may be gone. */
export const SILENT_AFTER_MS = 10_000;

export interface RequestOptions {
  /** Called with each answer but the acknowledgement; the last of them is `done`, `preview`, `detail` or `error`. */
  onAnswer?: (answer: Answer) => void;
  onAck?: () => void;
  /** Stop waiting after this long, and call `onTimeout`; requests that change the document wait for ever. */
  timeout_ms?: number;
  onTimeout?: () => void;
}

/** A request that the kernel has not finished. */
export interface Pending {
  readonly id: string;
  readonly request: Request;
}

interface Waiting extends Pending {
  options: RequestOptions;
  isAcked: boolean;
  isOverdue: boolean;
  timers: ReturnType<typeof setTimeout>[];
}

/** Requests that leave the document alone; the view does not show them as pending. */
const QUIET: ReadonlySet<Request["kind"]> = new Set([
  "hello",
  "hover",
  "detail",
  "retry",
  "everything",
  "cancel_everything",
  "discard_found",
]);

/** Answers after which another one comes. */
const NOT_THE_LAST: ReadonlySet<Answer["kind"]> = new Set(["masks", "found"]);

export class Link {
  /** True while a request has waited too long for its acknowledgement. */
  readonly isBusy = signal(false);
  /** True while one has waited so long that the kernel may be gone. */
  readonly isSilent = signal(false);
  /** The unfinished changes to the document, in the order of asking. */
  readonly pending = signal<readonly Pending[]>([]);

  readonly #send: (message: Envelope) => void;
  readonly #waiting = new Map<string, Waiting>();
  readonly #prefix = randomPrefix();
  #count = 0;

  constructor(send: (message: Envelope) => void) {
    this.#send = send;
  }

  /** Sends `request`; returns its id. Throws what the host's send throws. */
  request(request: Request, options: RequestOptions = {}): string {
    const id = `${this.#prefix}-${++this.#count}`;
    this.#send(envelope(request, id));
    const waiting: Waiting = { id, request, options, isAcked: false, isOverdue: false, timers: [] };
    const later = (delay_ms: number, action: () => void) => waiting.timers.push(setTimeout(action, delay_ms));
    later(BUSY_AFTER_MS, () => {
      waiting.isOverdue = !waiting.isAcked;
      this.#judge();
    });
    later(SILENT_AFTER_MS, () => {
      if (!waiting.isAcked) this.isSilent.value = true;
    });
    const { timeout_ms, onTimeout } = options;
    if (timeout_ms !== undefined) {
      later(timeout_ms, () => {
        this.#finish(waiting);
        onTimeout?.();
      });
    }
    this.#waiting.set(id, waiting);
    this.#publish();
    return id;
  }

  /** Hands `answer` to whoever asked; false where nobody here did (another browser's request, or one given up). */
  receive(answer: Answer): boolean {
    if (!("re" in answer) || answer.re === undefined) return false;
    const waiting = this.#waiting.get(answer.re);
    if (!waiting) return false;
    if (!waiting.isAcked) {
      waiting.isAcked = true;
      waiting.isOverdue = false;
      this.isSilent.value = false;
      this.#judge();
      waiting.options.onAck?.();
    }
    if (answer.kind === "ack") return true;
    if (!NOT_THE_LAST.has(answer.kind)) this.#finish(waiting);
    waiting.options.onAnswer?.(answer);
    return true;
  }

  /** Forgets a request whose answer is no longer wanted. */
  forget(id: string): void {
    const waiting = this.#waiting.get(id);
    if (waiting) this.#finish(waiting);
  }

  end(): void {
    for (const waiting of [...this.#waiting.values()]) this.#finish(waiting);
  }

  #finish(waiting: Waiting): void {
    for (const timer of waiting.timers) clearTimeout(timer);
    this.#waiting.delete(waiting.id);
    this.#judge();
    this.#publish();
  }

  #judge(): void {
    const waiting = [...this.#waiting.values()];
    this.isBusy.value = waiting.some((one) => one.isOverdue);
    if (!waiting.some((one) => !one.isAcked)) this.isSilent.value = false;
  }

  #publish(): void {
    const pending = [...this.#waiting.values()].filter((one) => !QUIET.has(one.request.kind));
    if (pending.length > 0 || this.pending.value.length > 0) this.pending.value = pending;
  }
}

/** Several browsers may listen to one kernel: their ids must differ. */
function randomPrefix(): string {
  const words = crypto.getRandomValues(new Uint32Array(2));
  return [...words].map((word) => word.toString(36)).join("");
}
