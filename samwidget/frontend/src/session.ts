// What all views of one model share: the traits, the link, the photo and the masks. Made by initialize, ended with the
// model. Keeps what the kernel says; decides nothing about how it looks.

import { type ReadonlySignal, signal } from "@preact/signals-core";

import { Scope } from "./dom.ts";
import { Findings } from "./findings.ts";
import { Link, type RequestOptions } from "./link.ts";
import { MaskStore } from "./masks.ts";
import { decodePixels } from "./photo.ts";
import {
  type Answer,
  bytesOf,
  type DocumentSummary,
  type Failure,
  parseAnswer,
  type Request,
  type Status,
} from "./protocol.ts";
import { bindSettings, type Model, type Settings, watchDocument, watchStatus } from "./traits.ts";
import type { Extent } from "./viewport.ts";

/** A view that hears nothing for this long after its hello shows the saved picture. */
const ABSENT_AFTER_MS = 2000;
/** A hello has no `done`: after this long it can no longer fail either. */
const HELLO_WITHIN_MS = 60_000;

export interface Photo {
  id: string;
  /** Image pixels, which may be more than the bitmap has. */
  size: Extent;
  bitmap: ImageBitmap;
}

/** Whether a kernel has been heard. */
export type Presence = "unknown" | "here" | "absent";

export class Session {
  readonly settings: Settings;
  readonly document: ReadonlySignal<DocumentSummary>;
  readonly status: ReadonlySignal<Status>;
  /** performance.now() when `status` came, from which its `elapsed_s` runs on. */
  readonly statusAt_ms: ReadonlySignal<number>;
  readonly link: Link;
  readonly masks = new MaskStore();
  readonly findings = new Findings();
  readonly photo = signal<Photo | null>(null);
  /** The last failure, until somebody dismisses it. */
  readonly failure = signal<Failure | null>(null);
  readonly presence = signal<Presence>("unknown");

  readonly #model: Model;
  readonly #scope: Scope;
  #imageWanted = "";

  constructor(model: Model, signal_?: AbortSignal) {
    this.#model = model;
    this.#scope = new Scope(signal_);
    this.settings = bindSettings(model, this.#scope);
    this.document = watchDocument(model, this.#scope);
    this.status = watchStatus(model, this.#scope);
    const statusAt_ms = signal(performance.now());
    this.statusAt_ms = statusAt_ms;
    let hasFailed = false;
    this.#scope.effect(() => {
      const { phase } = this.status.value;
      statusAt_ms.value = performance.now();
      // What is tried again has not failed yet.
      if (hasFailed && phase !== "failed") this.failure.value = null;
      hasFailed = phase === "failed";
    });
    this.link = new Link((message) => model.send(message));
    const receive = (content: unknown, buffers: DataView[]) => this.#receive(content, buffers);
    model.on("msg:custom", receive);
    this.#scope.onEnd(() => {
      model.off("msg:custom", receive);
      this.link.end();
      this.photo.value?.bitmap.close();
    });
  }

  end(): void {
    this.#scope.end();
  }

  /** Asks for the image and the masks; every view does so when it opens. */
  greet(scope: Scope): void {
    if (!this.request({ kind: "hello" }, { timeout_ms: HELLO_WITHIN_MS })) {
      this.presence.value = "absent";
      return;
    }
    const timer = setTimeout(() => {
      if (this.presence.value === "unknown") this.presence.value = "absent";
    }, ABSENT_AFTER_MS);
    scope.onEnd(() => clearTimeout(timer));
  }

  /** Sends `request`; null where the host has no line to a kernel, which is shown. */
  request(request: Request, options: RequestOptions = {}): string | null {
    try {
      return this.link.request(request, {
        ...options,
        onAnswer: (answer) => {
          if (answer.kind === "error" && request.kind !== "hover") this.#fail(answer);
          options.onAnswer?.(answer);
        },
      });
    } catch (error) {
      if (request.kind !== "hello") {
        this.#fail({
          code: "no_kernel",
          message: `The kernel cannot be reached: ${error instanceof Error ? error.message : String(error)}`,
          hint: "Run the cell again.",
        });
      }
      return null;
    }
  }

  /** The small picture that the notebook saves, as JPEG bytes; null where there is none. */
  savedPicture(): Uint8Array | null {
    const saved = this.#model.get("_snapshot");
    if (!saved) return null;
    const bytes = bytesOf(saved);
    return bytes.length > 0 ? bytes : null;
  }

  #receive(content: unknown, buffers: readonly unknown[]): void {
    this.presence.value = "here";
    try {
      const answer = parseAnswer(content, buffers);
      this.#keep(answer);
      const isOurs = this.link.receive(answer);
      if (!isOurs && answer.kind === "error" && answer.re === undefined) this.#fail(answer);
    } catch (error) {
      this.#fail({
        code: "protocol",
        message: `A message from the kernel could not be read: ${error instanceof Error ? error.message : String(error)}`,
        hint: "If samwidget was upgraded, restart the kernel and reload the page.",
      });
    }
  }

  #keep(answer: Answer): void {
    if (answer.kind === "masks") {
      this.masks.add(answer.frame, answer.masks, answer.buffers, this.settings.threshold.value);
    } else if (answer.kind === "found") {
      if (answer.frame) this.masks.add(answer.frame, answer.masks, answer.buffers, this.settings.threshold.value);
      this.findings.take(answer);
    } else if (answer.kind === "image" && answer.image !== this.#imageWanted) {
      this.#imageWanted = answer.image;
      this.#showPhoto(answer.image, { width: answer.size_hw[1], height: answer.size_hw[0] }, answer.bytes, answer.mime);
    }
  }

  #showPhoto(id: string, size: Extent, bytes: Uint8Array, mime: string): void {
    decodePixels(bytes, mime).then(
      (bitmap) => {
        if (id !== this.#imageWanted || this.#scope.signal.aborted) {
          bitmap.close();
          return;
        }
        const before = this.photo.value;
        this.photo.value = { id, size, bitmap };
        before?.bitmap.close();
      },
      () => {
        this.#imageWanted = "";
        this.#fail({
          code: "image",
          message: `The browser cannot decode the photo (${mime}).`,
          hint: "Reload the page; if that does not help, convert the photo to RGB first.",
        });
      },
    );
  }

  #fail(failure: Failure): void {
    this.failure.value = { code: failure.code, message: failure.message, hint: failure.hint };
  }
}
