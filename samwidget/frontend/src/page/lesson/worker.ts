// The worker of a site's page: one network with one photo, a kernel for each document, and what lessons measure.

import type { DocumentSummary, ObjectSummary } from "../../protocol.ts";
import { openGraphs } from "../graphs.ts";
import { Kernel } from "../kernel.ts";
import { type Graphs, NanoNetwork } from "../network.ts";
import type { Masks, Prompt } from "../values.ts";
import { unzipped } from "../zipped.ts";
import { type FullMask, fromRuns } from "./masks.ts";
import { measuresOf, promptKey } from "./measures.ts";
import type { FromPhoto, ToPhoto } from "./messages.ts";
import { replyTo } from "./replies.ts";

interface WorkerScope {
  onmessage: ((event: MessageEvent<ToPhoto>) => void) | null;
  postMessage(message: FromPhoto): void;
}
type Started = Extract<ToPhoto, { manifest: unknown }>;

const scope = globalThis as unknown as WorkerScope;
let photo: PhotoKernels | null = null;

scope.onmessage = ({ data }) => {
  if ("manifest" in data) photo = new PhotoKernels(data);
  else photo?.receive(data);
};

class PhotoKernels {
  readonly #started: Started;
  readonly #kernels = new Map<string, Promise<Kernel>>();
  readonly #thresholds = new Map<string, number>();
  readonly #documents = new Map<string, DocumentSummary>();
  readonly #truths: Record<string, FullMask>;
  /** By prompt: the masks that the kernels have shown, so that they are measured and not predicted again. */
  readonly #known = new Map<string, Masks>();
  readonly #opened: Promise<{ graphs: Graphs; encode_s: number }>;

  constructor(started: Started) {
    const { photo, truths } = started.manifest;
    this.#started = started;
    this.#truths = Object.fromEntries(
      Object.entries(truths).map(([name, runs]) => [name, fromRuns(runs, photo.size_hw)]),
    );
    this.#opened = this.#open();
  }

  receive(data: Exclude<ToPhoto, Started>): void {
    if ("ask" in data) void this.#reply(data);
    else if ("open" in data) this.#kernels.set(data.open, this.#begin(data.open));
    else void this.#kernels.get(data.to)?.then((kernel) => this.#pass(kernel, data));
  }

  #pass(kernel: Kernel, data: Extract<ToPhoto, { to: string }>): void {
    if ("request" in data) kernel.receive(data.request);
    else {
      this.#thresholds.set(data.to, data.threshold);
      kernel.setThreshold(data.threshold);
    }
  }

  async #open(): Promise<{ graphs: Graphs; encode_s: number }> {
    const { manifest, files } = this.#started;
    const [wasm, encoder, decoder, pixels] = await Promise.all(
      [files.wasm, files.encoder, files.decoder, files.pixels].map(unzipped),
    );
    const [height, width] = manifest.frame.content_hw;
    const rgb = new Uint8Array(pixels as ArrayBuffer);
    const graphFiles = {
      wasm: wasm as ArrayBuffer,
      encoder: new Uint8Array(encoder as ArrayBuffer),
      decoder: new Uint8Array(decoder as ArrayBuffer),
    };
    const { graphs, encode_s } = await openGraphs(graphFiles, manifest.frame, { width, height, rgb }, () => {});
    return { graphs: inTurn(graphs), encode_s };
  }

  async #begin(name: string): Promise<Kernel> {
    const { manifest, files } = this.#started;
    const [height, width] = manifest.frame.content_hw;
    const { photo, frame, everything, objects } = manifest;
    const rgb = new Uint8Array(await unzipped(files.pixels));
    return new Kernel({
      name: manifest.name,
      photo: { ...photo, bytes: new Uint8Array(files.photo) },
      colours: { width, height, rgb },
      everything,
      objects,
      wire: {
        send: (message, buffers = []) => scope.postMessage({ to: name, reply: { message, buffers } }),
        assign: (trait, value) => {
          scope.postMessage({ to: name, reply: { trait, value } });
          if (trait !== "document") return;
          this.#documents.set(name, value as DocumentSummary);
          this.#measure(name);
        },
      },
      open: async (encoding) => {
        encoding();
        const { graphs, encode_s } = await this.#opened;
        const network = new NanoNetwork(frame, graphs);
        const predict = async (prompt: Prompt) => this.#remember(await network.predict(prompt));
        return { network: { frame, predict }, encode_s };
      },
    });
  }

  #remember(masks: Masks): Masks {
    const { points, box, level } = masks.prompt;
    this.#known.set(promptKey(points, box, level), masks);
    return masks;
  }

  #masksOf({ points, prompt_box, levels }: ObjectSummary): Masks | null {
    return this.#known.get(promptKey(points, prompt_box, levels?.refined ?? null)) ?? null;
  }

  #measure(name: string): void {
    const objects = this.#documents.get(name)?.objects ?? [];
    const { stability_offset } = this.#started.manifest.everything;
    const masksOf = (item: ObjectSummary) => this.#masksOf(item);
    const masksFor = (points: ObjectSummary["points"]) =>
      [null, 0, 1, 2].map((level) => this.#known.get(promptKey(points, null, level))).find((masks) => masks) ?? null;
    const measures = measuresOf(
      objects,
      masksOf,
      this.#truths,
      this.#thresholds.get(name) ?? 0,
      stability_offset,
      masksFor,
    );
    scope.postMessage({ to: name, measures });
  }

  async #reply({ ask, re }: Extract<ToPhoto, { ask: unknown }>): Promise<void> {
    try {
      const { graphs } = await this.#opened;
      const { frame } = this.#started.manifest;
      const network = new NanoNetwork(frame, graphs);
      scope.postMessage({ re, value: await replyTo(ask, network, graphs, this.#truths) });
    } catch (error) {
      scope.postMessage({ re, failure: error instanceof Error ? error.message : String(error) });
    }
  }
}

/** The same graphs, of which one prompt is decoded at a time. */
function inTurn(graphs: Graphs): Graphs {
  let last: Promise<unknown> = Promise.resolve();
  return {
    ...graphs,
    decode: (input) => {
      const next = last.then(() => graphs.decode(input));
      last = next.catch(() => {});
      return next;
    },
  };
}
