// The worker of a page: it has the kernel, so that the view never waits for the network.

import { openGraphs } from "./graphs.ts";
import { Kernel } from "./kernel.ts";
import type { FromWorker, ToWorker } from "./manifest.ts";
import { NanoNetwork } from "./network.ts";

interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
}

const scope = globalThis as unknown as WorkerScope;
let kernel: Promise<Kernel> | null = null;

scope.onmessage = ({ data }) => {
  if ("manifest" in data) kernel = start(data);
  else if ("request" in data) void kernel?.then((own) => own.receive(data.request));
  else void kernel?.then((own) => own.setThreshold(data.threshold));
};

async function start({ manifest, files }: Extract<ToWorker, { manifest: unknown }>): Promise<Kernel> {
  const { name, photo, frame, everything, objects } = manifest;
  const [height, width] = frame.content_hw;
  const pixels = { width, height, rgb: new Uint8Array(await unzipped(files.pixels)) };
  return new Kernel({
    name,
    photo: { ...photo, bytes: new Uint8Array(files.photo) },
    colours: pixels,
    everything,
    objects,
    wire: {
      send: (message, buffers = []) => scope.postMessage({ message, buffers }),
      assign: (trait, value) => scope.postMessage({ trait, value }),
    },
    open: async (encoding) => {
      const [wasm, encoder, decoder] = await Promise.all([files.wasm, files.encoder, files.decoder].map(unzipped));
      const graphFiles = {
        wasm: wasm as ArrayBuffer,
        encoder: new Uint8Array(encoder as ArrayBuffer),
        decoder: new Uint8Array(decoder as ArrayBuffer),
      };
      const { graphs, encode_s } = await openGraphs(graphFiles, frame, pixels, encoding);
      return { network: new NanoNetwork(frame, graphs), encode_s };
    },
  });
}

/** A file without its compression; a server may have taken it off already. */
async function unzipped(data: ArrayBuffer): Promise<ArrayBuffer> {
  const [first, second] = new Uint8Array(data);
  if (first !== 0x1f || second !== 0x8b) return data;
  return new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
