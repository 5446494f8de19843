// What crosses between kernel and browser: puts requests into envelopes, and checks the kernel's messages. Their types are
// made from Python, in messages.ts; docs/protocol.md says what each means. link.ts sends and waits; nothing here draws.

import { isRecord } from "./checks.ts";
import { PROTOCOL_VERSION, REPLY_FIELDS, type Reply, type Request } from "./messages.ts";

export type {
  Adjustment,
  Box,
  CandidateSummary,
  DocumentSummary,
  Failure,
  FoundSummary as FoundObject,
  FrameSizes as Frame,
  ImageRow,
  ImageState,
  ImagesSummary,
  Label,
  MaskHeader,
  ModelRow,
  ModelsStatus,
  NetworkStatus as Status,
  ObjectSummary,
  Phase,
  PointPrompt,
  Position,
  Reply,
  Request,
  SavedPrompt,
  SavePhase,
  SearchKind,
  SearchPhase,
  SessionStatus,
  Size,
  WeightedCorner,
} from "./messages.ts";
export { NAME_LENGTH_MAX, PROTOCOL_VERSION, REQUEST_KINDS } from "./messages.ts";

export type Envelope = Request & { v: number; id: string; after?: string };

/** `after` is the id of an earlier request without which the kernel refuses this one. */
export function envelope(request: Request, id: string, after?: string): Envelope {
  return { v: PROTOCOL_VERSION, id, ...(after === undefined ? {} : { after }), ...request };
}

/** A message that breaks the protocol; `message` names the field. */
export class ProtocolError extends Error {
  override name = "ProtocolError";
}

/** Bytes of one buffer. Hosts hand over a DataView, a typed array, or the bare ArrayBuffer. */
export function bytesOf(buffer: unknown): Uint8Array {
  if (ArrayBuffer.isView(buffer)) return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer);
  throw new ProtocolError("a buffer is neither a view nor an ArrayBuffer");
}

export const REPLY_KINDS = Object.keys(REPLY_FIELDS) as Reply["kind"][];

/** The message that `content` and `buffers` carry, checked; throws ProtocolError. */
export function parseReply(content: unknown, buffers: readonly unknown[] = []): Reply {
  if (!isRecord(content)) throw new ProtocolError("a message is not an object");
  if (content.v !== PROTOCOL_VERSION) {
    throw new ProtocolError(`version ${String(content.v)} of the protocol; this side speaks ${PROTOCOL_VERSION}`);
  }
  const kind = content.kind as Reply["kind"];
  if (!REPLY_KINDS.includes(kind)) throw new ProtocolError(`unknown kind ${JSON.stringify(content.kind)}`);
  if (content.id !== undefined) throw new ProtocolError(`${kind}: a reply has no id of its own`);
  for (const [name, check] of Object.entries(REPLY_FIELDS[kind])) {
    if (!check(content[name])) throw new ProtocolError(`${kind}: ${name} is missing or malformed`);
  }
  const parsed = buffers.map(bytesOf);
  if (content.mime !== undefined) {
    if (parsed.length !== 1) throw new ProtocolError(`${kind}: ${parsed.length} buffers, expected 1`);
    return { ...content, bytes: parsed[0] } as Reply;
  }
  if (Array.isArray(content.masks)) {
    const expected = content.masks.length;
    if (parsed.length !== expected) {
      throw new ProtocolError(`${kind}: ${parsed.length} buffers for ${expected} masks`);
    }
    if (expected > 0 && content.frame === undefined) throw new ProtocolError(`${kind}: masks without a frame`);
    return { ...content, buffers: parsed } as Reply;
  }
  return content as unknown as Reply;
}
