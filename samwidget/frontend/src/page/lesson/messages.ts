// What the page of a site and its worker say to each other. One worker has one photo, with the network, and a kernel for
// each document: an exercise begins without the clicks of another.

import type { Box, Envelope } from "../../protocol.ts";
import type { FileName, FromWorker, Manifest } from "../manifest.ts";
import type { Prompt } from "../values.ts";
import type { Part } from "./grid_rules.ts";
import type { Measures } from "./measures.ts";

/** A photo of a site: where its files are, beside the manifest, and the masks that exercises compare with. */
export interface PhotoManifest extends Manifest {
  files: Record<FileName | "kernel", string>;
  /** By name: the lengths of runs outside and inside of the mask in turn, row by row, the first one outside. */
  truths: Record<string, readonly number[]>;
}

/** Something to compute that changes no document: what figures show. */
export type PhotoRequest =
  | { kind: "candidates"; prompt: Prompt; truth: string | null; threshold: number }
  /** The candidates, each cut to a part of the photo; stability is that of this distance of two thresholds from 0. */
  | { kind: "found"; prompt: Prompt; offset: number }
  /** The logits of one candidate, as the network made them. */
  | { kind: "logits"; prompt: Prompt; level: number }
  /** What the network makes of one of the candidates as a mask. */
  | { kind: "returned"; prompt: Prompt; level: number; truth: string | null };

export interface CandidateView {
  score: number;
  /** With the truth; null without one. */
  iou: number | null;
  area: number;
  /** One byte for each pixel of the photo, 1 inside. */
  inside: Uint8Array;
}

/** A candidate of a point of a grid. */
export interface FoundView {
  score: number;
  stability: number;
  area: number;
  /** Around the mask, the maximum exclusive; null where the mask is empty. */
  box: Box | null;
  part: Part;
}

export interface Replies {
  candidates: CandidateView[];
  found: FoundView[];
  logits: Float32Array;
  returned: CandidateView[];
}

export type ToPhoto =
  | { manifest: PhotoManifest; files: Record<FileName, ArrayBuffer> }
  | { open: string }
  | { to: string; request: Envelope }
  | { to: string; threshold: number }
  | { ask: PhotoRequest; re: number };

export type FromPhoto =
  | { to: string; reply: FromWorker }
  | { to: string; measures: Measures }
  | { re: number; value: unknown }
  | { re: number; failure: string };
