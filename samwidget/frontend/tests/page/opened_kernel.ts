// A page's kernel on the disc network, and what it has sent.

import { Kernel, type KernelOptions } from "../../src/page/kernel.ts";
import {
  type DocumentSummary,
  type Envelope,
  parseReply,
  type Reply,
  type Request,
  type Status,
} from "../../src/protocol.ts";
import { EMPTY_DOCUMENT } from "../../src/traits.ts";
import { DISC_FRAME, DiscNetwork } from "./disc_network.ts";

export type Sent = { reply: Reply } | { document: DocumentSummary };

export class OpenedKernel {
  readonly sent: Sent[] = [];
  document: DocumentSummary = EMPTY_DOCUMENT;
  status: Status | null = null;
  readonly kernel: Kernel;
  #count = 0;

  constructor(options: Partial<KernelOptions> = {}) {
    this.kernel = new Kernel({
      name: "disc",
      photo: {
        id: "photo",
        name: "cups.jpg",
        size_hw: DISC_FRAME.image_hw,
        mime: "image/png",
        bytes: Uint8Array.of(1),
      },
      colours: { width: 128, height: 96, rgb: new Uint8Array(3 * 128 * 96) },
      everything: { points_per_side: 4, score_min: 0.8, stability_min: 0, stability_offset: 1 },
      objects: [],
      open: async (encoding) => {
        encoding();
        return { network: new DiscNetwork(), encode_s: 0.1 };
      },
      ...options,
      wire: {
        // Each message follows the protocol, or parseReply throws.
        send: (message, buffers = []) => this.sent.push({ reply: parseReply(structuredClone(message), buffers) }),
        assign: (trait, value) => {
          if (trait === "status") this.status = value as Status;
          else {
            this.document = structuredClone(value) as DocumentSummary;
            this.sent.push({ document: this.document });
          }
        },
      },
    });
  }

  /** Sends a request without waiting; returns its id. */
  say(request: Request, id = `r${++this.#count}`): string {
    this.kernel.receive({ v: 1, id, ...request } as Envelope);
    return id;
  }

  /** The replies to a request so far. */
  repliesTo(id: string): Reply[] {
    return this.sent.flatMap((item) =>
      "reply" in item && "re" in item.reply && item.reply.re === id ? [item.reply] : [],
    );
  }

  /** Sends a request; returns what was sent until it has ended, in order. */
  async do(request: Request): Promise<{ id: string; sent: Sent[] }> {
    const begin = this.sent.length;
    const id = this.say(request);
    await this.until(() =>
      this.repliesTo(id).some(({ kind }) => ["done", "error", "preview", "exported"].includes(kind)),
    );
    return { id, sent: this.sent.slice(begin) };
  }

  async until(isSo: () => boolean): Promise<void> {
    for (let turn = 0; turn < 10_000 && !isSo(); turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    if (!isSo()) throw new Error("it did not come");
  }
}
