// The graphs of the page, run by onnxruntime-web: WASM with one thread, which needs nothing of the server.

import * as ort from "onnxruntime-web/wasm";

import type { Frame } from "../protocol.ts";
import type { Decoded, DecoderInput, Graphs } from "./network.ts";
import type { Photo } from "./palette.ts";

/** The backbone was trained on (pixel - 127) / 128. */
const [PIXEL_MEAN, PIXEL_SPREAD] = [127, 128];
const FEATURES = ["context", "deep", "middle", "fine"] as const;

export interface GraphFiles {
  /** The runtime. */
  wasm: ArrayBuffer;
  encoder: Uint8Array;
  decoder: Uint8Array;
}

/** Loads the graphs and encodes a photo of `frame.content_hw` pixels; `encoding` is called between the two. */
export async function openGraphs(
  files: GraphFiles,
  frame: Frame,
  photo: Photo,
  encoding: () => void,
): Promise<{ graphs: Graphs; encode_s: number }> {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = files.wasm;
  const options = { executionProviders: ["wasm"] } as const;
  const decoder = await ort.InferenceSession.create(files.decoder, options);
  await warmUp(decoder);
  // The browser compiles in the background while the encoder is loaded.
  const encoder = await ort.InferenceSession.create(files.encoder, options);
  encoding();
  const begin_ms = performance.now();
  const features = await encoder.run({ pixels: pixelsOf(photo, frame) });
  const encode_s = (performance.now() - begin_ms) / 1000;
  await encoder.release();
  const [h, w] = frame.logits_hw;
  const noMask = new Float32Array(h * w);
  const decode = async ({ points, labels, box, mask }: DecoderInput): Promise<Decoded> => {
    const { logits, scores } = await decoder.run({
      ...Object.fromEntries(FEATURES.map((name) => [name, features[name] as ort.Tensor])),
      points: new ort.Tensor("float32", points, [1, 1, labels.length, 2]),
      labels: new ort.Tensor("float32", labels, [1, 1, labels.length]),
      box: new ort.Tensor("float32", box ?? new Float32Array(4), [1, 1, 4]),
      has_box: new ort.Tensor("float32", [box ? 1 : 0], [1, 1]),
      mask: new ort.Tensor("float32", mask ?? noMask, [1, 1, h, w]),
      has_mask: new ort.Tensor("float32", [mask ? 1 : 0], [1, 1]),
    });
    const [masks, estimates] = [logits, scores].map((tensor) => tensor?.data as Float32Array) as [
      Float32Array,
      Float32Array,
    ];
    return {
      logits: [0, 1, 2, 3].map((index) => masks.slice(index * h * w, (index + 1) * h * w)),
      scores: [...estimates],
    };
  };
  return { graphs: { decode }, encode_s };
}

/** Runs a graph on zeros: browsers compile well only what has run, and photo and first click would wait for that. */
async function warmUp(graph: ort.InferenceSession): Promise<void> {
  const zeros = graph.inputMetadata.map((input) => {
    if (!input.isTensor) throw new Error(`${input.name} is no tensor`);
    const shape = input.shape.map((side) => (typeof side === "number" ? side : 1));
    const size = shape.reduce((product, side) => product * side, 1);
    return [input.name, new ort.Tensor("float32", new Float32Array(size), shape)];
  });
  await graph.run(Object.fromEntries(zeros));
}

/** The photo as the encoder reads it; the padding below and to the right repeats the border. */
function pixelsOf(photo: Photo, { input_hw: [height, width] }: Frame): ort.Tensor {
  const values = new Float32Array(3 * height * width);
  for (let channel = 0; channel < 3; channel++) {
    for (let row = 0; row < height; row++) {
      const from = Math.min(row, photo.height - 1) * photo.width;
      for (let column = 0; column < width; column++) {
        const pixel = photo.rgb[3 * (from + Math.min(column, photo.width - 1)) + channel] as number;
        values[(channel * height + row) * width + column] = (pixel - PIXEL_MEAN) / PIXEL_SPREAD;
      }
    }
  }
  return new ort.Tensor("float32", values, [1, 3, height, width]);
}
