// A photo of a site with its network: loads the files once for all that is on the page, and passes messages to the worker.

import type { Model } from "../../traits.ts";
import { FILES, type FileName } from "../manifest.ts";
import { PageModel } from "../model.ts";
import { progressText, readFile } from "../reading.ts";
import type { Measures } from "./measures.ts";
import type { FromPhoto, PhotoManifest, PhotoRequest, Replies, ToPhoto } from "./messages.ts";

/** Gets a text of how far loading is, and the share from 0 to 1. */
export type Progress = (text: string, share: number) => void;

export class LivePhoto {
  readonly manifest: PhotoManifest;
  readonly #worker: Worker;
  readonly #pages = new Map<string, { page: PageModel; onMeasures: (measures: Measures) => void }>();
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  #asked = 0;
  /** The photo, for figures. */
  readonly bitmap: Promise<ImageBitmap>;

  private constructor(manifest: PhotoManifest, worker: Worker, photo: ArrayBuffer) {
    this.manifest = manifest;
    this.#worker = worker;
    this.bitmap = createImageBitmap(new Blob([photo], { type: manifest.photo.mime }));
    worker.onmessage = ({ data }: MessageEvent<FromPhoto>) => this.#receive(data);
  }

  /** Loads the photo whose manifest is at `address`; its files are beside the manifest. */
  static async load(address: string, progress: Progress): Promise<LivePhoto> {
    const manifest = JSON.parse(await new Response(await readFile(address, address, () => {})).text()) as PhotoManifest;
    let done = 0;
    const count = (bytes: number) => {
      done = Math.min(done + bytes, manifest.bytes);
      progress(progressText(done, manifest.bytes), done / manifest.bytes);
    };
    count(0);
    const read = (name: FileName | "kernel") =>
      readFile(new URL(manifest.files[name], new URL(address, location.href)).href, manifest.files[name], count);
    const [script, ...files] = await Promise.all([read("kernel"), ...FILES.map(read)]);
    const worker = new Worker(URL.createObjectURL(new Blob([script as ArrayBuffer], { type: "text/javascript" })));
    const named = Object.fromEntries(FILES.map((name, i) => [name, files[i]])) as Record<FileName, ArrayBuffer>;
    const photo = new LivePhoto(manifest, worker, named.photo.slice(0));
    photo.#send({ manifest, files: named }, Object.values(named));
    return photo;
  }

  /** The model of a document of its own; `onMeasures` gets what its objects measure after each change. */
  open(name: string, onMeasures: (measures: Measures) => void): Model {
    const page = new PageModel(this.manifest.name, (message) => {
      if (!("manifest" in message)) this.#send({ to: name, ...message });
    });
    this.#pages.set(name, { page, onMeasures });
    this.#send({ open: name });
    return page.model;
  }

  ask<K extends PhotoRequest["kind"]>(request: Extract<PhotoRequest, { kind: K }>): Promise<Replies[K]> {
    const re = ++this.#asked;
    this.#send({ ask: request, re });
    return new Promise((resolve, reject) => this.#waiting.set(re, { resolve, reject }));
  }

  #send(message: ToPhoto, moved: Transferable[] = []): void {
    this.#worker.postMessage(message, moved);
  }

  #receive(data: FromPhoto): void {
    if ("re" in data) {
      const waiting = this.#waiting.get(data.re);
      this.#waiting.delete(data.re);
      if ("failure" in data) waiting?.reject(new Error(data.failure));
      else waiting?.resolve(data.value as never);
    } else if ("reply" in data) this.#pages.get(data.to)?.page.receive(data.reply);
    else this.#pages.get(data.to)?.onMeasures(data.measures);
  }
}
