// The kernel of a page: carries out the requests of the view with a network in the browser, and sends what the Python kernel
// would send. docs/protocol.md has the messages; commands.ts changes the document, searching.ts leads a search of everything.

import type { DocumentSummary, Envelope, Failure, Phase, SavedPrompt, Status } from "../protocol.ts";
import { PROTOCOL_VERSION } from "../protocol.ts";
import { changes, nextPrompt, restore } from "./commands.ts";
import { Document } from "./document.ts";
import type { Options } from "./everything.ts";
import { exported } from "./exports.ts";
import { CANNOT, failureOf } from "./failures.ts";
import { Jobs } from "./jobs.ts";
import type { Network } from "./network.ts";
import { type Measures, type PackedMask, Packer, rounded } from "./pack.ts";
import type { Photo } from "./palette.ts";
import { Searching } from "./searching.ts";
import { activeObject } from "./state.ts";
import { summarise } from "./summary.ts";
import { maskAbove, type PixelMask } from "./upsample.ts";
import { largest, PromptError, point, type SegmentedObject } from "./values.ts";

/** What the kernel sends: a message with its buffers, or a trait. */
export interface Wire {
  send(message: Record<string, unknown>, buffers?: readonly Uint8Array[]): void;
  assign(trait: "document" | "status", value: unknown): void;
}

export interface PagePhoto {
  /** Names the image by its content. */
  id: string;
  /** Of its file. */
  name: string;
  size_hw: [number, number];
  mime: string;
  bytes: Uint8Array;
}

export interface KernelOptions {
  /** Of the network. */
  name: string;
  photo: PagePhoto;
  /** Pixels by which the colours of objects are chosen; null where the photo does not matter. */
  colours: Photo | null;
  everything: Options;
  /** Objects that are made at first. */
  objects: readonly SavedPrompt[];
  wire: Wire;
  /** Loads the network and encodes the photo; `encoding` is called between the two, and returns. */
  open: (encoding: () => void) => Promise<{ network: Network; encode_s: number }>;
}

type Handler = (request: Envelope) => Promise<void> | void;

export class Kernel {
  readonly #options: KernelOptions;
  readonly #wire: Wire;
  readonly #document: Document;
  readonly #packer = new Packer();
  readonly #jobs: Jobs;
  readonly #known = new Set<string>();
  readonly #sentMasks = new Map<string, PackedMask>();
  readonly #measured = new WeakMap<Float32Array, Measures & { threshold: number }>();
  #threshold = 0;
  #sentVersion = "";
  #status: Status;
  #since_ms = performance.now();
  readonly #searching: Searching;
  #network: Network | null = null;

  constructor(options: KernelOptions) {
    this.#options = options;
    this.#wire = options.wire;
    this.#document = new Document(options.colours);
    this.#status = { network: options.name, device: "CPU", phase: "loading", elapsed_s: 0, encode_s: null, note: "" };
    this.#jobs = new Jobs((error) => this.#sendError(failureOf(error)));
    this.#searching = new Searching({
      photo: options.photo,
      everything: options.everything,
      document: this.#document,
      packer: this.#packer,
      jobs: this.#jobs,
      network: () => this.#ready(),
      send: (message, buffers) => this.#send(message, buffers),
    });
    this.#publish();
    this.#enter("loading");
    this.#jobs.submit(() => this.#prepare());
  }

  /** Takes one request of the view. */
  receive(request: Envelope): void {
    const { id, kind } = request;
    this.#send({ kind: "ack", re: id });
    if (this.#known.has(id)) {
      this.#jobs.submit(() => this.#send({ kind: "done", re: id }));
      return;
    }
    const [now, inOrder] = [this.#now[kind], changes[kind]];
    if (now) this.#guard(request, () => now(request));
    else if (kind === "hover") this.#jobs.offer(() => this.#guard(request, () => this.#preview(request)));
    else if (inOrder || this.#inOrder[kind]) {
      this.#known.add(id);
      this.#jobs.submit(() => this.#guard(request, () => this.#carryOut(request)));
    } else this.#sendError(CANNOT, id);
  }

  /** Measures the objects at another threshold from now on. */
  setThreshold(threshold: number): void {
    this.#threshold = threshold;
    this.#jobs.submit(() => this.#publish());
  }

  /** Carried out at once. */
  readonly #now: Partial<Record<Envelope["kind"], Handler>> = {
    hello: ({ id }) => this.#sendAll(id),
    // The page has no finer pixels than those that it shows.
    detail: ({ id }) => this.#send({ kind: "done", re: id }),
    everything: (request) => {
      if (request.kind === "everything") this.#searching.begin(request.id, request.points_per_side);
    },
    cancel_everything: ({ id }) => {
      this.#searching.cancel();
      this.#send({ kind: "done", re: id });
    },
  };

  /** Carried out in order, besides the changes of the document. */
  readonly #inOrder: Partial<Record<Envelope["kind"], Handler>> = {
    undo: () => this.#searching.move(() => this.#document.undo()),
    redo: () => this.#searching.move(() => this.#document.redo()),
    keep_found: (request) => {
      if (request.kind === "keep_found") this.#keepFound(request.ids);
    },
    discard_found: () => this.#searching.discard(),
    export: (request) => {
      if (request.kind === "export") this.#export(request.id, request.format);
    },
  };

  async #prepare(): Promise<void> {
    try {
      const { network, encode_s } = await this.#options.open(() => this.#enter("encoding"));
      this.#network = network;
      await restore(this.#document, network, this.#options.objects);
      this.#publish();
      this.#enter("ready", { encode_s });
    } catch (error) {
      const failure = { ...failureOf(error), code: "model", hint: "Reload the page, or try another browser." };
      this.#enter("failed", { error: failure, can_use_bundled: false });
      this.#sendError(failure);
    }
  }

  async #carryOut(request: Envelope): Promise<void> {
    const network = this.#ready();
    await (this.#inOrder[request.kind]?.(request) ?? changes[request.kind]?.(this.#document, network, request));
    this.#publish(request.id);
    if (request.kind !== "export") this.#send({ kind: "done", re: request.id });
  }

  async #preview(request: Envelope): Promise<void> {
    if (request.kind !== "hover") return;
    const { state } = this.#document;
    const prompt = nextPrompt(state);
    const click = point(request.x, request.y, request.label);
    const masks = await this.#ready().predict({ ...prompt, points: [...prompt.points, click] });
    const chosen = state.active === null ? null : activeObject(state).level;
    const level = Math.min(chosen ?? largest(masks.scores), masks.logits.length - 1);
    const { header, bytes } = this.#packer.of(masks.logits[level] as Float32Array, masks.frame);
    const score = rounded(masks.scores[level] ?? 0);
    const { id: image } = this.#options.photo;
    this.#send({ kind: "preview", re: request.id, image, frame: masks.frame, score, masks: [header] }, [bytes]);
  }

  #ready(): Network {
    if (this.#network) return this.#network;
    throw new PromptError(this.#status.error?.message ?? "The network is not loaded.", "Reload the page.");
  }

  async #guard(request: Envelope, work: () => Promise<void> | void): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#sendError(failureOf(error), request.id);
    }
  }

  // What the view has.

  #sendAll(re: string): void {
    const { id: image, size_hw, mime, name, bytes } = this.#options.photo;
    this.#send({ kind: "image", image, size_hw, mime, name, is_app: true }, [bytes]);
    this.#sendMasks([...this.#sentMasks.values()], re);
    this.#searching.sendAll(re);
    this.#wire.assign("document", this.#summary());
    this.#enter(this.#status.phase);
    this.#send({ kind: "done", re });
  }

  /** Sends the masks that are new, then the document. */
  #publish(re?: string): void {
    const version = `${this.#document.revision} ${this.#threshold}`;
    if (version === this.#sentVersion) return;
    this.#sentVersion = version;
    const { state } = this.#document;
    const active = state.objects.findIndex(({ id }) => id === state.active);
    const packed = [
      ...state.objects.map(({ logits, frame }) => this.#packer.of(logits, frame)),
      ...this.#packer.candidates(state.candidates[active] ?? null),
    ];
    const unsent = packed.filter(({ header }) => !this.#sentMasks.has(header.mask));
    this.#sentMasks.clear();
    for (const mask of packed) this.#sentMasks.set(mask.header.mask, mask);
    this.#sendMasks([...new Map(unsent.map((mask) => [mask.header.mask, mask])).values()], re);
    this.#wire.assign("document", this.#summary());
  }

  #summary(): DocumentSummary {
    const { state } = this.#document;
    return summarise(state, this.#document, this.#options.photo.id, this.#packer, (item) => this.#measure(item));
  }

  #measure({ logits, frame }: SegmentedObject): Measures {
    const known = this.#measured.get(logits);
    if (known?.threshold === this.#threshold) return { area: known.area, box: known.box };
    const { area, box } = maskAbove(logits, frame, this.#threshold);
    this.#measured.set(logits, { area, box, threshold: this.#threshold });
    return { area, box };
  }

  #sendMasks(packed: readonly PackedMask[], re?: string): void {
    if (packed.length === 0 || !this.#network) return;
    const { frame } = this.#network;
    const masks = packed.map(({ header }) => header);
    const message = { kind: "masks", image: this.#options.photo.id, frame, masks, ...(re === undefined ? {} : { re }) };
    this.#send(
      message,
      packed.map(({ bytes }) => bytes),
    );
  }

  #enter(phase: Phase, fields: Partial<Status> = {}): void {
    if (phase !== this.#status.phase) this.#since_ms = performance.now();
    const elapsed_s = (performance.now() - this.#since_ms) / 1000;
    this.#status = { ...this.#status, ...fields, phase, elapsed_s };
    this.#wire.assign("status", this.#status);
  }

  #send(message: Record<string, unknown>, buffers: readonly Uint8Array[] = []): void {
    this.#wire.send({ v: PROTOCOL_VERSION, ...message }, buffers);
  }

  #sendError({ code, message, hint }: Failure, re?: string): void {
    this.#send({ kind: "error", code, message, hint, ...(re === undefined ? {} : { re }) });
  }

  /** Makes objects of found masks. */
  #keepFound(ids: readonly number[]): void {
    const objects = this.#searching.keep(ids);
    // The objects appear before the found ones go, so that the view is never without both.
    for (const { packed } of objects) this.#sentMasks.set(packed.header.mask, packed);
    this.#publish();
    this.#searching.show(null);
  }

  #export(re: string, format: string): void {
    const { state } = this.#document;
    const { name: fileName, size_hw } = this.#options.photo;
    if (state.objects.length === 0) throw new PromptError("no image is labelled yet", "make an object first");
    const pixels = ({ logits, frame }: SegmentedObject): PixelMask => maskAbove(logits, frame, this.#threshold);
    const objects = state.objects.map((item) => ({
      name: item.name,
      className: item.className,
      score: item.score,
      mask: pixels(item),
    }));
    const { name, mime, bytes } = exported(
      { fileName, size_hw, objects, classes: state.classes.map((c) => c.name) },
      format,
    );
    this.#send({ kind: "exported", re, file_name: name, mime }, [bytes]);
  }
}
