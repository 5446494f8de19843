// The kernel of a page leads the recorded conversations as the Python kernel does: tests/page/test_conversations.py.

import { describe, expect, it } from "vitest";

import everything from "../../../../tests/shared/conversations/everything.json";
import objects from "../../../../tests/shared/conversations/objects.json";
import prompts from "../../../../tests/shared/conversations/prompts.json";
import type { DocumentSummary, FoundObject, Request } from "../../src/protocol.ts";
import { OpenedKernel, type Sent } from "./opened_kernel.ts";

interface Step {
  request: Request;
  reply: { kinds: string[]; document: Record<string, unknown>; found: object[]; code?: string; score?: number };
}

describe.each(Object.entries({ everything, objects, prompts }))("%s", (_, conversation) => {
  it("is led as in Python", async () => {
    const steps = conversation.steps as unknown as Step[];
    const opened = new OpenedKernel();
    await opened.until(() => opened.status?.phase === "ready");
    // After a search the colours depend on how many points Python asks in a step.
    const hasColours = steps.every(({ request }) => request.kind !== "everything");
    const found = new Map<number, object>();
    for (const [index, { request, reply }] of steps.entries()) {
      const { id, sent } = await opened.do(request);
      const where = `step ${index}: ${JSON.stringify(request)}`;
      noteFound(found, sent);
      expect(kindsOf(sent, id), where).toEqual(reply.kinds);
      expect(summaryOf(opened.document, hasColours), where).toEqual(reply.document);
      expect(
        [...found].sort(([a], [b]) => a - b).map(([, item]) => item),
        where,
      ).toEqual(reply.found);
      for (const item of sent) {
        if (!("reply" in item)) continue;
        if (item.reply.kind === "error") expect(item.reply.code, where).toBe(reply.code);
        if (item.reply.kind === "preview") expect(item.reply.score, where).toBe(reply.score);
      }
    }
  });
});

function kindsOf(sent: readonly Sent[], id: string): string[] {
  return sent.flatMap((item) => {
    if ("document" in item) return ["document"];
    return item.reply.kind !== "found" && "re" in item.reply && item.reply.re === id ? [item.reply.kind] : [];
  });
}

/** The document without names of bytes: each mask is the number of its first appearance. */
function summaryOf({ image: _, revision: __, ...document }: DocumentSummary, hasColours: boolean): object {
  const numbers = new Map<string, number>();
  for (const { mask } of [...document.objects, ...document.candidates]) {
    if (!numbers.has(mask)) numbers.set(mask, numbers.size);
  }
  const renamed = <T extends { mask: string }>(items: T[]) =>
    items.map((item) => ({ ...item, mask: numbers.get(item.mask) }));
  const objects = renamed(document.objects).map(({ colour, ...item }) => (hasColours ? { ...item, colour } : item));
  return { ...document, objects, candidates: renamed(document.candidates) };
}

function noteFound(found: Map<number, object>, sent: readonly Sent[]): void {
  for (const item of sent) {
    if (!("reply" in item) || item.reply.kind !== "found") continue;
    if (item.reply.is_whole) found.clear();
    for (const id of item.reply.removed) found.delete(id);
    for (const { mask: _, colour: __, ...rest } of item.reply.added as FoundObject[]) found.set(rest.id, rest);
  }
}
