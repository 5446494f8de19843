// The script of a page: loads its files, tells how far that is, and shows the widget with a worker as its kernel. A file is a
// part of the page itself, in base64, or lies beside it.

import samwidget from "../index.ts";
import { FILES, type FileName, type FromWorker, type Manifest, type ToWorker } from "./manifest.ts";
import { MISSING_TOOLS, PageModel } from "./model.ts";

void start(document.querySelector("[data-samwidget-page]"));

async function start(host: HTMLElement | null): Promise<void> {
  if (!host) return;
  const progress = host.querySelector("progress");
  const text = host.querySelector("[role=status]");
  try {
    const manifest = JSON.parse(await new Response(await read("manifest")).text()) as Manifest;
    let done = 0;
    const count = (bytes: number) => {
      done = Math.min(done + bytes, manifest.bytes);
      if (progress) progress.value = done / manifest.bytes;
      if (text) text.textContent = `Loading the network: ${megabytes(done)} of ${megabytes(manifest.bytes)} MB.`;
    };
    count(0);
    const [script, ...files] = await Promise.all([read("kernel", count), ...FILES.map((name) => read(name, count))]);
    const worker = new Worker(URL.createObjectURL(new Blob([script as ArrayBuffer], { type: "text/javascript" })));
    const page = new PageModel(manifest.name, (message: ToWorker) => worker.postMessage(message));
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => page.receive(data);
    const named = Object.fromEntries(FILES.map((name, i) => [name, files[i]])) as Record<FileName, ArrayBuffer>;
    worker.postMessage({ manifest, files: named } satisfies ToWorker, Object.values(named));
    show(page, host);
  } catch (error) {
    if (text) text.textContent = `The page could not be loaded: ${error instanceof Error ? error.message : error}.`;
  }
}

function show(page: PageModel, host: HTMLElement): void {
  const { model } = page;
  const { signal } = new AbortController();
  const widget = typeof samwidget === "function" ? samwidget() : samwidget;
  const el = document.createElement("div");
  host.replaceChildren(el);
  void Promise.resolve(widget).then(({ initialize, render }) => {
    // The widget uses neither; both are of hosts with several widgets.
    const none = { experimental: undefined as never, host: undefined as never };
    void initialize?.({ model, signal, ...none });
    void render?.({ model, signal, el, ...none });
    // Taken out, not hidden: the arrow keys would stop at a hidden button.
    for (const name of [...MISSING_TOOLS].map((tool) => `tool-${tool}`).concat("similar")) {
      el.querySelector(`[data-sw="${name}"]`)?.remove();
    }
  });
}

/** The bytes of a file; `count` is called as they come. */
async function read(name: string, count: (bytes: number) => void = () => {}): Promise<ArrayBuffer> {
  const inside = document.getElementById(`samwidget-${name}`);
  const path = inside?.getAttribute("data-path");
  // A data address is quicker than atob, and asks nobody.
  const address = path ?? `data:application/octet-stream;base64,${inside?.textContent?.trim() ?? ""}`;
  const response = await fetch(address);
  if (!response.ok || !response.body) throw new Error(`${path} is missing (${response.status})`);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const reader = response.body.getReader(); ; ) {
    const { value } = await reader.read();
    if (!value) break;
    parts.push(value as Uint8Array<ArrayBuffer>);
    count(value.length);
  }
  return new Blob(parts).arrayBuffer();
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
