// What crosses between kernel and browser: the types of every message, and the checks on what comes in.
// docs/protocol.md says what each means. Sending and waiting is link.ts's; drawing is nobody's business here.

export const PROTOCOL_VERSION = 1;

export type Size = [height: number, width: number];
export type Box = [x0: number, y0: number, x1: number, y1: number];
export type Label = 0 | 1;
export type PointPrompt = [x: number, y: number, label: Label];

/** Ties an image to a network's low-res logits. */
export interface Frame {
  image_hw: Size;
  input_hw: Size;
  content_hw: Size;
  logits_hw: Size;
}

/** One entry of a `masks` or `preview` message; its bytes are the buffer of the same index. */
export interface MaskHeader {
  mask: string;
  window: [x: number, y: number, width: number, height: number];
  scale: number;
}

export interface ObjectSummary {
  id: number;
  name: string;
  colour: string;
  visible: boolean;
  score: number | null;
  area: number;
  box: Box | null;
  mask: string;
  points: PointPrompt[];
  prompt_box: Box | null;
  level: number | null;
}

export interface CandidateSummary {
  mask: string;
  score: number;
}

/** The trait `document`: what the user has made. The kernel writes it, the browser only shows it. */
export interface DocumentSummary {
  revision: number;
  image: string;
  active: number | null;
  objects: ObjectSummary[];
  candidates: CandidateSummary[];
  can_undo: boolean;
  can_redo: boolean;
}

/** A mask that a search of everything has found and nobody has kept; its bytes go by the name `mask`. */
export interface FoundObject {
  id: number;
  mask: string;
  colour: string;
  score: number;
  stability: number;
  area: number;
  box: Box;
}

/** `none`: there is no search, and nothing found. */
export type SearchPhase = "none" | "running" | "done" | "cancelled" | "failed";

export type Phase = "loading" | "encoding" | "ready" | "failed" | "closed";

export interface Failure {
  code: string;
  message: string;
  hint: string;
}

/** The trait `status`: the network's state. */
export interface Status {
  network: string;
  device: string;
  phase: Phase;
  elapsed_s: number;
  encode_s: number | null;
  note: string;
  error?: Failure;
}

// Browser to kernel.

export type Request =
  | { kind: "hello" }
  | { kind: "hover"; x: number; y: number; label: Label }
  | { kind: "add_point"; x: number; y: number; label: Label }
  | { kind: "move_point"; index: number; x: number; y: number }
  | { kind: "remove_point"; index: number }
  | { kind: "add_box"; box: Box }
  | { kind: "move_box"; box: Box }
  | { kind: "remove_box" }
  | { kind: "choose"; level: number }
  | { kind: "accept" }
  | { kind: "select"; object: number | null }
  | { kind: "rename"; object: number; name: string }
  | { kind: "set_visible"; object: number; visible: boolean }
  | { kind: "delete"; object: number }
  | { kind: "clear" }
  | { kind: "undo" }
  | { kind: "redo" }
  | { kind: "detail"; box: Box; width: number }
  | { kind: "retry" }
  | { kind: "everything"; points_per_side: number | null }
  | { kind: "cancel_everything" }
  | { kind: "keep_found"; ids: number[] }
  | { kind: "discard_found" };

export type RequestKind = Request["kind"];

export const REQUEST_KINDS = [
  "hello",
  "hover",
  "add_point",
  "move_point",
  "remove_point",
  "add_box",
  "move_box",
  "remove_box",
  "choose",
  "accept",
  "select",
  "rename",
  "set_visible",
  "delete",
  "clear",
  "undo",
  "redo",
  "detail",
  "retry",
  "everything",
  "cancel_everything",
  "keep_found",
  "discard_found",
] as const satisfies readonly RequestKind[];

/** What the kernel cuts a name to would be a surprise: the field does not let a longer one in. */
export const NAME_LENGTH_MAX = 80;

export type Envelope = Request & { v: number; id: string };

export function envelope(request: Request, id: string): Envelope {
  return { v: PROTOCOL_VERSION, id, ...request };
}

// Kernel to browser.

export type Answer =
  | { kind: "ack"; re: string }
  | { kind: "image"; image: string; size_hw: Size; mime: string; bytes: Uint8Array }
  | { kind: "masks"; re?: string; image: string; frame: Frame; masks: MaskHeader[]; buffers: Uint8Array[] }
  | {
      kind: "preview";
      re: string;
      image: string;
      frame: Frame;
      score: number;
      masks: MaskHeader[];
      buffers: Uint8Array[];
    }
  | {
      kind: "found";
      re?: string;
      image: string;
      search: string;
      phase: SearchPhase;
      done: number;
      total: number;
      seconds_left?: number;
      is_whole: boolean;
      /** There where `masks` holds any. */
      frame?: Frame;
      added: FoundObject[];
      removed: number[];
      masks: MaskHeader[];
      buffers: Uint8Array[];
    }
  | { kind: "done"; re: string }
  | { kind: "detail"; re: string; image: string; box: Box; mime: string; bytes: Uint8Array }
  | ({ kind: "error"; re?: string } & Failure);

export type AnswerKind = Answer["kind"];

export const ANSWER_KINDS = [
  "ack",
  "image",
  "masks",
  "preview",
  "found",
  "done",
  "detail",
  "error",
] as const satisfies readonly AnswerKind[];

/** A message that breaks the protocol; `message` says which field and how. */
export class ProtocolError extends Error {
  override name = "ProtocolError";
}

/** Bytes of one buffer. Hosts hand over a DataView, a typed array, or the bare ArrayBuffer. */
export function bytesOf(buffer: unknown): Uint8Array {
  if (ArrayBuffer.isView(buffer)) return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer);
  throw new ProtocolError("a buffer is neither a view nor an ArrayBuffer");
}

type Check = (value: unknown) => boolean;

const isString: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number" && Number.isFinite(value);
const isCount: Check = (value) => Number.isInteger(value) && (value as number) >= 0;
const isSize: Check = (value) =>
  Array.isArray(value) && value.length === 2 && value.every((side) => Number.isInteger(side) && side > 0);
const isBox: Check = (value) => Array.isArray(value) && value.length === 4 && value.every(isNumber);

const isFrame: Check = (value) =>
  isRecord(value) && ["image_hw", "input_hw", "content_hw", "logits_hw"].every((name) => isSize(value[name]));

const isMaskHeader: Check = (value) =>
  isRecord(value) &&
  isString(value.mask) &&
  Array.isArray(value.window) &&
  value.window.length === 4 &&
  value.window.every(isCount) &&
  isNumber(value.scale) &&
  (value.scale as number) > 0;

const isMaskHeaders: Check = (value) => Array.isArray(value) && value.every(isMaskHeader);
const isFlag: Check = (value) => typeof value === "boolean";
const isOptional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const isSearchPhase: Check = (value) => ["none", "running", "done", "cancelled", "failed"].includes(value as string);

const isFoundObject: Check = (value) =>
  isRecord(value) &&
  isCount(value.id) &&
  isString(value.mask) &&
  isString(value.colour) &&
  isNumber(value.score) &&
  isNumber(value.stability) &&
  isCount(value.area) &&
  value.area !== 0 &&
  isBox(value.box);

const FIELDS: Record<AnswerKind, Record<string, Check>> = {
  ack: { re: isString },
  image: { image: isString, size_hw: isSize, mime: isString },
  masks: { image: isString, frame: isFrame, masks: isMaskHeaders },
  preview: { re: isString, image: isString, frame: isFrame, score: isNumber, masks: isMaskHeaders },
  found: {
    image: isString,
    search: isString,
    phase: isSearchPhase,
    done: isCount,
    total: isCount,
    seconds_left: isOptional(isNumber),
    is_whole: isFlag,
    frame: isOptional(isFrame),
    added: (value) => Array.isArray(value) && value.every(isFoundObject),
    removed: (value) => Array.isArray(value) && value.every(isCount),
    masks: isMaskHeaders,
  },
  done: { re: isString },
  detail: { re: isString, image: isString, box: isBox, mime: isString },
  error: { code: isString, message: isString, hint: isString },
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The message that `content` and `buffers` carry, checked; throws ProtocolError. */
export function parseAnswer(content: unknown, buffers: readonly unknown[] = []): Answer {
  if (!isRecord(content)) throw new ProtocolError("a message is not an object");
  if (content.v !== PROTOCOL_VERSION) {
    throw new ProtocolError(`version ${String(content.v)} of the protocol; this side speaks ${PROTOCOL_VERSION}`);
  }
  const kind = content.kind as AnswerKind;
  if (!ANSWER_KINDS.includes(kind)) throw new ProtocolError(`unknown kind ${JSON.stringify(content.kind)}`);
  if (content.id !== undefined) throw new ProtocolError(`${kind}: an answer carries no id of its own`);
  if (content.re !== undefined && !isString(content.re)) throw new ProtocolError(`${kind}: re is not a string`);
  for (const [name, check] of Object.entries(FIELDS[kind])) {
    if (!check(content[name])) throw new ProtocolError(`${kind}: ${name} is missing or malformed`);
  }
  const parsed = buffers.map(bytesOf);
  if (kind === "image" || kind === "detail") {
    if (parsed.length !== 1) throw new ProtocolError(`${kind}: ${parsed.length} buffers, expected 1`);
    return { ...content, bytes: parsed[0] } as Answer;
  }
  if (kind === "masks" || kind === "preview" || kind === "found") {
    const expected = (content.masks as MaskHeader[]).length;
    if (kind === "preview" && expected !== 1) throw new ProtocolError(`preview: ${expected} masks, expected 1`);
    if (parsed.length !== expected) {
      throw new ProtocolError(`${kind}: ${parsed.length} buffers for ${expected} masks`);
    }
    if (expected > 0 && content.frame === undefined) throw new ProtocolError(`${kind}: masks without a frame`);
    return { ...content, buffers: parsed } as Answer;
  }
  return content as Answer;
}
