// What a page says of itself, as samwidget/page/manifest.py writes it, and the messages between page and worker.

import type { Envelope, Frame, SavedPrompt } from "../protocol.ts";
import type { Options } from "./everything.ts";

export interface Manifest {
  /** Of the network. */
  name: string;
  photo: { id: string; name: string; size_hw: [number, number]; mime: string };
  frame: Frame;
  everything: Options;
  /** Objects that the page makes at first. */
  objects: readonly SavedPrompt[];
  /** Of all files together. */
  bytes: number;
}

/** The files that the worker needs, each compressed with gzip but for the photo. */
export const FILES = ["photo", "pixels", "encoder", "decoder", "wasm"] as const;
export type FileName = (typeof FILES)[number];

export type ToWorker =
  | { manifest: Manifest; files: Record<FileName, ArrayBuffer> }
  | { request: Envelope }
  | { threshold: number };

export type FromWorker =
  | { message: Record<string, unknown>; buffers: readonly Uint8Array[] }
  | { trait: "document" | "status"; value: unknown };
