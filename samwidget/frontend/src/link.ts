// The link to the kernel: gives each request its id, waits for its acknowledgement and its replies, repeats what may have
// been lost on the way, and knows which requests are still pending. A request that is carried out in order names the one
// before it while that is not acknowledged: where it was lost, the kernel refuses this one, and both are sent again. All
// views of a widget share one link, and nothing else sends requests: what a host throws ends here. What a reply means is
// up to the code that asked.

import { signal } from "@preact/signals-core";

import { type Envelope, envelope, type Reply, type Request } from "./protocol.ts";

/** After this long without an acknowledgement, the kernel is busy with something else. */
export const BUSY_AFTER_MS = 400;
/** After this long without one, the kernel may be gone. */
export const SILENT_AFTER_MS = 10_000;
/** After this long without its end a change of the document is sent again, then after twice as long, and so on. */
export const REPEAT_AFTER_MS = 10_000;
/** An acknowledgement comes at latest so long after the host has said that the kernel has handled the message. */
export const ACK_AFTER_HANDLED_MS = 1000;

/** Sends a message. Some hosts call `onHandled` when the kernel has handled it, and some return a promise. */
export type Send = (message: Envelope, onHandled: () => void) => unknown;

export interface RequestOptions {
  /** Called with each reply but the acknowledgement; the last is `done`, `preview`, `detail` or `error`. */
  onReply?: (reply: Reply) => void;
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
  /** It was sent again because the kernel, or the host, has said that a message is missing. */
  isResent: boolean;
  timers: ReturnType<typeof setTimeout>[];
}

/** Requests that wait for no other, and no other for them. None is repeated: the view that needs it asks anew. */
const UNORDERED: ReadonlySet<Request["kind"]> = new Set([
  "hello",
  "hover",
  "detail",
  "retry",
  "use_bundled",
  "list_models",
  "use_model",
  "cancel_model",
  "save_session",
  "everything",
  "cancel_everything",
  "stop_making",
  "polygons",
  "list_images",
  "thumbnails",
  "export",
]);

/** Requests that change no object: the view does not show them as pending. */
const QUIET: ReadonlySet<Request["kind"]> = new Set([...UNORDERED, "discard_found", "find_similar", "find"]);

/** Replies that another reply to the same request follows. */
const INTERIM: ReadonlySet<Reply["kind"]> = new Set(["masks", "found", "polygons", "thumbnail", "exporting"]);

export class Link {
  /** True while a request has waited too long for its acknowledgement. */
  readonly isBusy = signal(false);
  /** True while one has waited so long that the kernel may be gone. */
  readonly isSilent = signal(false);
  /** The changes to the document that are not finished, oldest first. */
  readonly pending = signal<readonly Pending[]>([]);

  readonly #send: Send;
  readonly #onLost: (request: Request) => void;
  readonly #waiting = new Map<string, Waiting>();
  readonly #prefix = randomPrefix();
  /** What waits until no change of the document is pending. */
  readonly #afterwards: (() => void)[] = [];
  #count = 0;

  /** `onLost` is called where a request reaches nobody, because the kernel or its half of the widget is gone. */
  constructor(send: Send, onLost: (request: Request) => void = () => {}) {
    this.#send = send;
    this.#onLost = onLost;
  }

  /** Sends `request`; returns its id, or null where the host cannot send it. */
  request(request: Request, options: RequestOptions = {}): string | null {
    const id = `${this.#prefix}-${++this.#count}`;
    const waiting: Waiting = { id, request, options, isAcked: false, isOverdue: false, isResent: false, timers: [] };
    if (!this.#trySend(waiting)) return null;
    const later = (delay_ms: number, action: () => void) => waiting.timers.push(setTimeout(action, delay_ms));
    later(BUSY_AFTER_MS, () => {
      waiting.isOverdue = !waiting.isAcked;
      this.#updateBusy();
    });
    later(SILENT_AFTER_MS, () => {
      if (!waiting.isAcked) this.isSilent.value = true;
    });
    const repeatAfter = (delay_ms: number) =>
      later(delay_ms, () => {
        waiting.isResent = false;
        this.#trySend(waiting);
        repeatAfter(2 * delay_ms);
      });
    if (isOrdered(waiting)) repeatAfter(REPEAT_AFTER_MS);
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

  /** Passes a reply to the code that asked; false for a request of another browser, or one that is no longer waited for. */
  receive(reply: Reply): boolean {
    if (!("re" in reply) || reply.re === undefined) return false;
    const waiting = this.#waiting.get(reply.re);
    if (!waiting) return false;
    if (reply.kind === "resend") {
      this.#resend(waiting);
      return true;
    }
    if (!waiting.isAcked) {
      waiting.isAcked = true;
      waiting.isOverdue = false;
      this.isSilent.value = false;
      this.#updateBusy();
      waiting.options.onAck?.();
    }
    if (reply.kind === "ack") return true;
    if (!INTERIM.has(reply.kind)) this.#finish(waiting);
    waiting.options.onReply?.(reply);
    return true;
  }

  /**
   * Whether a request that is carried out in order has not ended. The document may change with it: that the view knows of no
   * step to undo is then no reason to drop the key.
   */
  get isChanging(): boolean {
    return [...this.#waiting.values()].some(isOrdered);
  }

  /** Calls `act` when no change of the document is pending: at once where none is. */
  afterPending(act: () => void): void {
    if (this.pending.value.length === 0) act();
    else this.#afterwards.push(act);
  }

  /** Stops waiting for a request. */
  forget(id: string): void {
    const waiting = this.#waiting.get(id);
    if (waiting) this.#finish(waiting);
  }

  end(): void {
    this.#afterwards.length = 0;
    for (const waiting of [...this.#waiting.values()]) this.#finish(waiting);
  }

  /** Sends a request; false where the host says at once that it cannot. */
  #trySend(waiting: Waiting): boolean {
    const { id, request } = waiting;
    const after = isOrdered(waiting) ? this.#unackedBefore(waiting).at(-1)?.id : undefined;
    const lose = () => this.#onLost(request);
    const onHandled = () => {
      if (waiting.isAcked || !this.#waiting.has(id)) return;
      // The notebook's Stop button drops a message that the kernel reads just then; the next one comes through. But a kernel
      // that was restarted behind the host's back handles messages to widgets that it does not have.
      const onSilence = () => waiting.isAcked || (isOrdered(waiting) && this.#resend(waiting)) || lose();
      waiting.timers.push(setTimeout(onSilence, ACK_AFTER_HANDLED_MS));
    };
    try {
      Promise.resolve(this.#send(envelope(request, id, after), onHandled)).catch(lose);
      return true;
    } catch {
      lose();
      return false;
    }
  }

  /** Sends what is not acknowledged again, in order, up to this request; false where that was done already. */
  #resend(waiting: Waiting): boolean {
    if (waiting.isResent) return false;
    waiting.isResent = true;
    for (const missing of [...this.#unackedBefore(waiting), waiting]) this.#trySend(missing);
    return true;
  }

  /** The requests before this one that are carried out in order and not acknowledged, oldest first. */
  #unackedBefore(waiting: Waiting): Waiting[] {
    const requests = [...this.#waiting.values()];
    const index = requests.indexOf(waiting); // -1 where it is sent for the first time: all others come before it
    return requests.slice(0, index < 0 ? undefined : index).filter((other) => isOrdered(other) && !other.isAcked);
  }

  #finish(waiting: Waiting): void {
    for (const timer of waiting.timers) clearTimeout(timer);
    this.#waiting.delete(waiting.id);
    this.#updateBusy();
    this.#publish();
  }

  #updateBusy(): void {
    const requests = [...this.#waiting.values()];
    this.isBusy.value = requests.some(({ isOverdue }) => isOverdue);
    if (requests.every(({ isAcked }) => isAcked)) this.isSilent.value = false;
  }

  #publish(): void {
    const pending = [...this.#waiting.values()].filter(({ request }) => !QUIET.has(request.kind));
    if (pending.length > 0 || this.pending.value.length > 0) this.pending.value = pending;
    if (pending.length > 0) return;
    for (const act of this.#afterwards.splice(0)) act();
  }
}

function isOrdered({ request }: Pending): boolean {
  return !UNORDERED.has(request.kind);
}

/** Several browsers may use one kernel: their ids must differ. */
function randomPrefix(): string {
  const words = crypto.getRandomValues(new Uint32Array(2));
  return [...words].map((word) => word.toString(36)).join("");
}
