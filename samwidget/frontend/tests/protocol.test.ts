import { describe, expect, it } from "vitest";

import fixture from "../../../tests/shared/messages.json";
import { bytesOf, envelope, PROTOCOL_VERSION, parseReply, REPLY_KINDS, REQUEST_KINDS } from "../src/protocol.ts";

interface Example {
  reason?: string;
  message: Record<string, unknown>;
  buffers?: number;
}

interface Messages {
  version: number;
  browser_to_kernel: { kinds: Record<string, { valid: Record<string, unknown>[] }> };
  kernel_to_browser: { kinds: Record<string, { valid: Example[]; broken: Example[] }>; any: Example[] };
}

const messages = fixture as unknown as Messages;
const incoming = Object.entries(messages.kernel_to_browser.kinds);
const buffers = (count = 0) => Array.from({ length: count }, () => new DataView(new ArrayBuffer(4)));

describe("what both sides agree on", () => {
  it("has the same version and the same kinds", () => {
    expect(PROTOCOL_VERSION).toBe(messages.version);
    expect([...REQUEST_KINDS].sort()).toEqual(Object.keys(messages.browser_to_kernel.kinds).sort());
    expect([...REPLY_KINDS].sort()).toEqual(Object.keys(messages.kernel_to_browser.kinds).sort());
  });

  it.each(Object.entries(messages.browser_to_kernel.kinds))("sends %s as the examples are written", (_, { valid }) => {
    for (const example of valid) {
      const { v, id, ...request } = example;
      expect(v).toBe(PROTOCOL_VERSION);
      expect(envelope(request as never, id as string)).toEqual(example);
    }
  });
});

describe("what comes in", () => {
  it.each(incoming)("reads the valid examples of %s", (kind, { valid }) => {
    for (const { message, buffers: count } of valid) {
      expect(parseReply(message, buffers(count)).kind).toBe(kind);
    }
  });

  it.each(incoming)("refuses the broken examples of %s", (_, { valid, broken }) => {
    for (const { message, buffers: count, reason } of broken) {
      expect(() => parseReply(message, buffers(count ?? valid[0]?.buffers)), reason).toThrow();
    }
  });

  it.each(messages.kernel_to_browser.any)("refuses $reason", ({ message }) => {
    expect(() => parseReply(message)).toThrow();
  });

  it("refuses what is no message, and buffers that do not match", () => {
    expect(() => parseReply(null)).toThrow("not an object");
    expect(() => parseReply("ack")).toThrow("not an object");
    const image = { v: 1, kind: "image", image: "a", size_hw: [4, 6], mime: "image/png" };
    expect(() => parseReply(image, [])).toThrow("0 buffers");
  });
});

describe("bytesOf", () => {
  it("keeps to the part of the memory that the view shows", () => {
    const memory = new Uint8Array([1, 2, 3, 4, 5]).buffer;
    expect([...bytesOf(new DataView(memory, 1, 3))]).toEqual([2, 3, 4]);
    expect([...bytesOf(new Uint8Array(memory, 3))]).toEqual([4, 5]);
    expect([...bytesOf(memory)]).toEqual([1, 2, 3, 4, 5]);
    expect(() => bytesOf("bytes")).toThrow();
  });
});
