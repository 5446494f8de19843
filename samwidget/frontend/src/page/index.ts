// The script of a page: loads its files, tells how far that is, and shows the widget with a worker as its kernel. A file is a
// part of the page itself, in base64, or lies beside it.

import { FILES, type FileName, type FromWorker, type Manifest, type ToWorker } from "./manifest.ts";
import { PageModel } from "./model.ts";
import { progressText, readFile } from "./reading.ts";
import { showWidget } from "./show.ts";

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
      if (text) text.textContent = progressText(done, manifest.bytes);
    };
    count(0);
    const [script, ...files] = await Promise.all([read("kernel", count), ...FILES.map((name) => read(name, count))]);
    const worker = new Worker(URL.createObjectURL(new Blob([script as ArrayBuffer], { type: "text/javascript" })));
    const page = new PageModel(manifest.name, (message: ToWorker) => worker.postMessage(message));
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => page.receive(data);
    const named = Object.fromEntries(FILES.map((name, i) => [name, files[i]])) as Record<FileName, ArrayBuffer>;
    worker.postMessage({ manifest, files: named } satisfies ToWorker, Object.values(named));
    showWidget(page.model, host);
  } catch (error) {
    if (text) text.textContent = `The page could not be loaded: ${error instanceof Error ? error.message : error}.`;
  }
}

/** The bytes of a file; `count` is called as they come. */
function read(name: string, count: (bytes: number) => void = () => {}): Promise<ArrayBuffer> {
  const inside = document.getElementById(`samwidget-${name}`);
  const path = inside?.getAttribute("data-path");
  // A data address is quicker than atob, and asks nobody.
  const address = path ?? `data:application/octet-stream;base64,${inside?.textContent?.trim() ?? ""}`;
  return readFile(address, path ?? name, count);
}
