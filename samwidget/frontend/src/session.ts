// What all views of one widget share: the traits, the link, the photo, the masks and the search of everything. Created by
// initialize, ended with the widget. Keeps what the kernel sends; decides nothing about how it is shown.

import { batch, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";

import { Scope } from "./dom.ts";
import { type Earlier, watchEarlier } from "./earlier.ts";
import { EverythingSearch } from "./everything.ts";
import { isQuiet, KERNEL_GONE, NO_KERNEL, UNASKED } from "./failures.ts";
import { Link, type RequestOptions } from "./link.ts";
import { MaskStore } from "./mask_store.ts";
import { decodePixels } from "./photo.ts";
import {
  bytesOf,
  type DocumentSummary,
  type Failure,
  type ImagesSummary,
  type ModelsStatus,
  parseReply,
  type Reply,
  type Request,
  type SessionStatus,
  type Status,
} from "./protocol.ts";
import {
  bindSettings,
  type Model,
  runMarimoCells,
  type Settings,
  watchDocument,
  watchImages,
  watchModels,
  watchSessionFile,
  watchStatus,
} from "./traits.ts";
import type { Extent } from "./viewport.ts";

/** Without any message for this long after its hello, a view shows that there is no kernel. */
const ABSENT_AFTER_MS = 2000;
/** The same for a new widget, which needs longer: while the kernel imports torch it may answer nobody. */
const ABSENT_AFTER_LOADING_MS = 10_000;
/** The link stops waiting for the end of a hello after this long. */
const HELLO_WITHIN_MS = 60_000;

export interface Photo {
  id: string;
  /** Image pixels, which may be more than the bitmap has. */
  size: Extent;
  bitmap: ImageBitmap;
  /** Of the image's file; undefined where it is from memory. */
  name?: string | undefined;
  /** Whether the page is that of an app, which saves nothing for those who see it. */
  isApp?: boolean | undefined;
}

/** Whether the kernel has sent anything: `absent` after the time for it is over. */
export type Presence = "unknown" | "here" | "absent";

export class Session {
  readonly settings: Settings;
  /** What belongs to `photo`: where another image comes, both change at once. */
  readonly document: ReadonlySignal<DocumentSummary>;
  /** The images of a folder, and which one the kernel has; null for one image. */
  readonly images: ReadonlySignal<ImagesSummary | null>;
  readonly status: ReadonlySignal<Status>;
  /** Whether a view may choose the model, and the change to another one; null before the kernel has said so. */
  readonly models: ReadonlySignal<ModelsStatus | null>;
  /** Whether the session file holds every change; null without such a file. */
  readonly sessionFile: ReadonlySignal<SessionStatus | null>;
  /** performance.now() when `status` came: its `elapsed_s` counts on from there. */
  readonly statusAt_ms: ReadonlySignal<number>;
  readonly link: Link;
  readonly masks = new MaskStore();
  readonly everything = new EverythingSearch();
  readonly photo = signal<Photo | null>(null);
  /** The kernel has another image than the screen, which comes. */
  readonly isTurning = signal(false);
  /** The last failure, until the user dismisses it. */
  readonly failure = signal<Failure | null>(null);
  readonly presence = signal<Presence>("unknown");
  /** How many views are open. */
  readonly viewCount = signal(0);
  /** What an earlier widget of the page had of this image, while this one has nothing. */
  readonly earlier: ReadonlySignal<Earlier | null>;
  /** Counts how often the kernel was heard again after it was silent or absent. */
  readonly returns = signal(0);

  readonly #model: Model;
  readonly #scope: Scope;
  /** What the kernel has, which may be of another image than the screen. */
  readonly #newest: ReadonlySignal<DocumentSummary>;
  readonly #document: Signal<DocumentSummary>;
  /** A photo that waits for its document. */
  #nextPhoto: Photo | null = null;
  #imageId = "";
  #isAsking = false;

  constructor(model: Model, signal_?: AbortSignal) {
    this.#model = model;
    this.#scope = new Scope(signal_);
    this.settings = bindSettings(model, this.#scope, () => this.#lost(true));
    this.#newest = watchDocument(model, this.#scope);
    this.#document = signal(this.#newest.peek());
    this.document = this.#document;
    this.images = watchImages(model, this.#scope);
    runMarimoCells(model, this.document, this.#scope);
    this.status = watchStatus(model, this.#scope);
    this.models = watchModels(model, this.#scope);
    this.sessionFile = watchSessionFile(model, this.#scope);
    const statusAt_ms = signal(performance.now());
    this.statusAt_ms = statusAt_ms;
    let hasFailed = false;
    this.#scope.watch([this.status], ({ phase }) => {
      statusAt_ms.value = performance.now();
      // A new attempt has not failed yet.
      if (hasFailed && phase !== "failed") this.failure.value = null;
      hasFailed = phase === "failed";
    });
    this.link = new Link(
      (message, onHandled) => model.send(message, whenHandled(onHandled)),
      ({ kind }) => this.#lost(!UNASKED.has(kind)),
    );
    this.#scope.watch([this.#newest], (document) => {
      this.#settle();
      this.#askForMissing(document);
      const onScreen = this.document.peek();
      const named = [document, onScreen].flatMap(({ objects, candidates }) => [...objects, ...candidates]);
      named.push(...this.everything.foundObjects.peek());
      this.masks.forgetOthers(new Set(named.map(({ mask }) => mask)));
    });
    this.#scope.onChange([this.document, this.status], () => this.#heard());
    this.#scope.onChange([this.photo], () => this.#settle());
    this.earlier = watchEarlier(this, this.#scope);
    const receive = (content: unknown, buffers: DataView[]) => this.#receive(content, buffers);
    model.on("msg:custom", receive);
    // Jupyter says so when the kernel is restarted. Other hosts have no such event; there the next request finds out.
    const probe = () => this.#ask();
    model.on("comm_live_update", probe);
    this.#scope.onEnd(() => {
      model.off("msg:custom", receive);
      model.off("comm_live_update", probe);
      this.link.end();
      this.photo.value?.bitmap.close();
      this.#nextPhoto?.bitmap.close();
    });
  }

  end(): void {
    this.#scope.end();
  }

  /** Asks for the image and the masks; every view does so when it opens. */
  sayHello(scope: Scope): void {
    this.viewCount.value++;
    scope.onEnd(() => this.viewCount.value--);
    this.#ask();
    const isNew = this.status.value.phase === "loading";
    const timer = setTimeout(
      () => {
        if (this.presence.value === "unknown") this.presence.value = "absent";
      },
      isNew ? ABSENT_AFTER_LOADING_MS : ABSENT_AFTER_MS,
    );
    scope.onEnd(() => clearTimeout(timer));
  }

  /** Sends `request` and returns its id; null where the host cannot reach a kernel, which is shown as a failure. */
  request(request: Request, options: RequestOptions = {}): string | null {
    const isAbsent = this.presence.value === "absent";
    const id = this.link.request(request, {
      ...options,
      onReply: (message) => {
        if (message.kind === "error" && !isQuiet(request)) this.#fail(message);
        options.onReply?.(message);
      },
    });
    // A host without a kernel may send into nothing.
    if (isAbsent && id !== null && !UNASKED.has(request.kind)) this.#fail(NO_KERNEL);
    return id;
  }

  /** The small picture that the notebook saves, as JPEG bytes; null where there is none. */
  snapshot(): Uint8Array | null {
    const buffer = this.#model.get("_snapshot");
    if (!buffer) return null;
    const bytes = bytesOf(buffer);
    return bytes.length > 0 ? bytes : null;
  }

  #ask(): void {
    const end = () => {
      this.#isAsking = false;
    };
    const onReply = ({ kind }: Reply) => {
      if (kind === "done" || kind === "error") end();
    };
    this.#isAsking = this.request({ kind: "hello" }, { timeout_ms: HELLO_WITHIN_MS, onReply, onTimeout: end }) !== null;
  }

  /** Masks come before the document that names them: where they are not here, their message was lost on the way. */
  #askForMissing({ image, objects, candidates }: DocumentSummary): void {
    // The message with a photo comes before its document, too.
    const hasPhoto = image === "" || this.#imageId === "" || image === this.#imageId;
    const isComplete = hasPhoto && [...objects, ...candidates].every(({ mask }) => this.masks.has(mask));
    if (!isComplete && !this.#isAsking && this.presence.value === "here") this.#ask();
  }

  /** A request reaches nobody. The failure is shown the first time, and for each request that the user makes. */
  #lost(isAsked: boolean): void {
    if (isAsked || this.presence.value === "here") this.#fail(KERNEL_GONE);
    this.presence.value = "absent";
  }

  /** The kernel was heard. */
  #heard(): void {
    const wasAway = this.presence.value === "absent" || this.link.isSilent.value;
    this.presence.value = "here";
    if (!wasAway) return;
    this.returns.value++;
    if (this.failure.value?.code === NO_KERNEL.code) this.failure.value = null;
  }

  #receive(content: unknown, buffers: readonly unknown[]): void {
    this.#heard();
    try {
      const message = parseReply(content, buffers);
      this.#keep(message);
      const isOurs = this.link.receive(message);
      if (!isOurs && message.kind === "error" && message.re === undefined) this.#fail(message);
    } catch (error) {
      this.#fail({
        code: "protocol",
        message: `A message from the kernel could not be read (${textOf(error)}).`,
        hint: "If samwidget was upgraded, restart the kernel and reload the page.",
      });
    }
  }

  #keep(message: Reply): void {
    if (message.kind === "masks") {
      this.masks.add(message.frame, message.masks, message.buffers, this.settings.threshold.value);
    } else if (message.kind === "found") {
      if (message.frame) this.masks.add(message.frame, message.masks, message.buffers, this.settings.threshold.value);
      this.everything.update(message);
    } else if (message.kind === "image" && message.image !== this.#imageId) {
      this.#imageId = message.image;
      const [height, width] = message.size_hw;
      const { image: id, name, is_app: isApp } = message;
      this.#showPhoto({ id, size: { width, height }, name, isApp }, message.bytes, message.mime);
    }
  }

  #showPhoto(photo: Omit<Photo, "bitmap">, bytes: Uint8Array, mime: string): void {
    decodePixels(bytes, mime).then(
      (bitmap) => {
        if (photo.id !== this.#imageId || this.#scope.signal.aborted) {
          bitmap.close();
          return;
        }
        this.#nextPhoto?.bitmap.close();
        this.#nextPhoto = { ...photo, bitmap };
        this.#settle();
      },
      () => {
        if (photo.id !== this.#imageId) return;
        this.#imageId = "";
        this.#setPhoto(null);
        this.#settle();
        this.#fail({
          code: "image",
          message: `The browser cannot decode the image (${mime}).`,
          hint: "Reload the page. If that does not help, convert the image to RGB first.",
        });
      },
    );
  }

  /** Shows the newest photo with its document: masks of one image must not lie on another. */
  #settle(): void {
    const document = this.#newest.peek();
    const photo = this.photo.peek();
    const next = this.#nextPhoto;
    const isOf = (candidate: Photo | null) => candidate?.id === document.image || document.image === "";
    batch(() => {
      this.isTurning.value = photo !== null && !isOf(photo) && !isOf(next);
      if (next && (photo === null || isOf(next))) {
        this.#nextPhoto = null;
        this.#setPhoto(next);
      }
      if (!this.isTurning.value) this.#document.value = document;
    });
  }

  #setPhoto(photo: Photo | null): void {
    const before = this.photo.value;
    this.photo.value = photo;
    if (before !== photo) before?.bitmap.close();
  }

  #fail(failure: Failure): void {
    this.failure.value = { code: failure.code, message: failure.message, hint: failure.hint };
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * What Jupyter calls with the kernel's messages about one of ours: the status is idle when the kernel has handled it. It is
 * a function because another host calls it when the message has left.
 */
function whenHandled(onHandled: () => void): object {
  const status = (message: { content?: { execution_state?: string } }) => {
    if (message.content?.execution_state === "idle") onHandled();
  };
  return Object.assign(() => {}, { iopub: { status } });
}
