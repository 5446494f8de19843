// Hand-written stand-ins: a model that counts its listeners, a kernel that sends what a test says, and the parts of a
// browser that happy-dom leaves out.

import { zlibSync } from "fflate";

import type { Frame, MaskHeader, Request } from "../src/protocol.ts";
import { EMPTY_DOCUMENT, type Model, type WidgetTraits } from "../src/traits.ts";

type Listener = (...args: unknown[]) => void;
export type Sent = Request & { v: number; id: string; after?: string };

export class FakeModel {
  readonly sent: Sent[] = [];
  readonly saved: Partial<WidgetTraits>[] = [];
  readonly traits: WidgetTraits = {
    tool: "include",
    opacity: 0.5,
    threshold: 0,
    hover: true,
    theme: "light",
    document: EMPTY_DOCUMENT,
    status: { network: "nano", device: "CPU", phase: "ready", elapsed_s: 0, encode_s: 0.5, note: "" },
    models: null,
    saving: null,
    images: null,
    _snapshot: null,
    _documents_seen: 0,
  };
  /** The kernel is gone: the host throws where something is sent. */
  isLost = false;
  /** The callbacks that came with each message. */
  readonly callbacks: unknown[] = [];
  readonly #listeners = new Map<string, Set<Listener>>();
  #unsaved: Partial<WidgetTraits> = {};

  get listenerCount(): number {
    return [...this.#listeners.values()].reduce((count, set) => count + set.size, 0);
  }

  /** The model as the widget sees it: the narrow API and nothing more. */
  get model(): Model {
    return {
      get: <K extends keyof WidgetTraits>(name: K) => this.traits[name],
      set: <K extends keyof WidgetTraits>(name: K, value: WidgetTraits[K]) => {
        this.#unsaved[name] = value;
        this.change(name, value);
      },
      save_changes: () => {
        if (this.isLost) throw new Error("Kernel is dead");
        this.saved.push(this.#unsaved);
        this.#unsaved = {};
      },
      on: (name: string, listener: Listener) => {
        const set = this.#listeners.get(name) ?? new Set();
        this.#listeners.set(name, set.add(listener));
      },
      off: (name: string, listener: Listener) => {
        this.#listeners.get(name)?.delete(listener);
      },
      send: (message: Sent, callbacks: unknown) => {
        if (this.isLost) throw new Error("Cannot send");
        this.callbacks.push(callbacks);
        this.sent.push(message);
      },
    } as unknown as Model;
  }

  /** The kernel, or another view, writes a trait. */
  change<K extends keyof WidgetTraits>(name: K, value: WidgetTraits[K]): void {
    this.traits[name] = value;
    for (const listener of this.#listeners.get(`change:${name}`) ?? []) listener();
  }

  /** The kernel sends a message. */
  receive(message: Record<string, unknown>, buffers: Uint8Array[] = []): void {
    const views = buffers.map((buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength));
    for (const listener of this.#listeners.get("msg:custom") ?? []) listener({ v: 1, ...message }, views);
  }

  /** The last request of `kind`. */
  last(kind: Request["kind"]): Sent {
    const request = this.sent.findLast((message) => message.kind === kind);
    if (!request) throw new Error(`no ${kind} was sent`);
    return request;
  }
}

export const FRAME: Frame = {
  image_hw: [400, 600],
  input_hw: [512, 512],
  content_hw: [341, 512],
  logits_hw: [128, 128],
};

/** The header and the compressed bytes of a mask that fills `width` x `height` logits. */
export function mask(id: string, width = 4, height = 3): { header: MaskHeader; buffer: Uint8Array } {
  const header: MaskHeader = { mask: id, window: [10, 20, width, height], scale: 16 };
  return { header, buffer: zlibSync(new Uint8Array(width * height).fill(200)) };
}

/** A path that remembers its rings. */
class FakePath2D {
  readonly rings: [number, number][][] = [];
  moveTo(x: number, y: number) {
    this.rings.push([[x, y]]);
  }
  lineTo(x: number, y: number) {
    this.rings.at(-1)?.push([x, y]);
  }
  arc() {}
  closePath() {}
}

/** Whether a point is inside by the even-odd rule. */
function isInPath({ rings }: FakePath2D, x: number, y: number): boolean {
  let isInside = false;
  for (const ring of rings) {
    for (const [i, [x0, y0]] of ring.entries()) {
      const [x1, y1] = ring[(i + 1) % ring.length] ?? [x0, y0];
      if (y0 > y !== y1 > y && x < x0 + ((y - y0) / (y1 - y0)) * (x1 - x0)) isInside = !isInside;
    }
  }
  return isInside;
}

type Call = [method: string, ...args: unknown[]];
const calls = new WeakMap<HTMLCanvasElement, Call[]>();

/** What was drawn on `canvas` since the last time that this was asked. */
export function takeCalls(canvas: HTMLCanvasElement): Call[] {
  return calls.get(canvas)?.splice(0) ?? [];
}

function fakeContext(canvas: HTMLCanvasElement): object {
  const log: Call[] = calls.get(canvas) ?? [];
  calls.set(canvas, log);
  const properties: Record<string, unknown> = {
    isPointInPath: isInPath,
    measureText: (text: string) => ({ width: 7 * text.length }),
  };
  return new Proxy(properties, {
    get: (target, name: string) => target[name] ?? ((...args: unknown[]) => log.push([name, ...args])),
  });
}

/** Fills in canvas, Path2D, images and layout, which happy-dom does not have. */
export function stubBrowser(): void {
  HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement) {
    return fakeContext(this);
  } as unknown as HTMLCanvasElement["getContext"];
  Object.assign(globalThis, {
    Path2D: FakePath2D,
    createImageBitmap: async () => ({ width: 600, height: 400, close() {} }),
    ResizeObserver: class {
      observe() {}
      disconnect() {}
    },
  });
}
