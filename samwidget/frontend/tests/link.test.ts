import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { HoverPreview, SLOW_ABOVE_MS } from "../src/hover.ts";
import {
  ACK_AFTER_HANDLED_MS,
  BUSY_AFTER_MS,
  Link,
  REPEAT_AFTER_MS,
  type RequestOptions,
  SILENT_AFTER_MS,
} from "../src/link.ts";
import type { Envelope, Reply, Request } from "../src/protocol.ts";
import { FRAME, mask, stubBrowser } from "./fakes.ts";

let sent: Envelope[];
let link: Link;

beforeEach(() => {
  stubBrowser();
  vi.useFakeTimers();
  sent = [];
  link = new Link((message) => sent.push(message));
});

afterEach(() => {
  link.end();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const point = { kind: "add_point", x: 1, y: 2, label: 1 } as const;

/** Sends `request`, which the host can send; its id. */
const send = (request: Request, options: RequestOptions = {}): string => link.request(request, options) ?? "";

describe("Link", () => {
  it("gives each request its own id of at most 64 characters", () => {
    const other = new Link(() => {});
    const ids = [link.request(point), link.request(point), other.request(point)];
    other.end();
    expect(new Set(ids).size).toBe(3);
    expect(ids.every((id) => id !== null && id.length <= 64)).toBe(true);
    expect(sent[0]).toEqual({ v: 1, id: ids[0], ...point });
  });

  it("is pending until done, whatever comes between", () => {
    const id = send(point);
    link.receive({ kind: "ack", re: id });
    link.receive({ kind: "masks", re: id, image: "a", frame: FRAME, masks: [], buffers: [] });
    expect(link.pending.value.map(({ request }) => request)).toEqual([point]);
    link.receive({ kind: "done", re: id });
    expect(link.pending.value).toEqual([]);
  });

  it("is no longer pending after an error", () => {
    const onReply = vi.fn<(reply: Reply) => void>();
    const id = send(point, { onReply });
    link.receive({ kind: "error", re: id, code: "prompt", message: "no", hint: "" });
    expect(link.pending.value).toEqual([]);
    expect(onReply).toHaveBeenCalledOnce();
  });

  it("does not show requests as pending that change nothing", () => {
    link.request({ kind: "hello" });
    link.request({ kind: "hover", x: 1, y: 1, label: 1 });
    expect(link.pending.value).toEqual([]);
  });

  it("is busy without an acknowledgement, and not after it", () => {
    const id = send(point);
    vi.advanceTimersByTime(BUSY_AFTER_MS - 1);
    expect(link.isBusy.value).toBe(false);
    vi.advanceTimersByTime(1);
    expect(link.isBusy.value).toBe(true);
    expect(link.pending.value.length).toBe(1);
    link.receive({ kind: "ack", re: id });
    expect(link.isBusy.value).toBe(false);
    expect(link.pending.value.length).toBe(1);
  });

  it("is never busy when the acknowledgement came in time", () => {
    link.receive({ kind: "ack", re: send(point) });
    vi.advanceTimersByTime(SILENT_AFTER_MS);
    expect(link.isBusy.value || link.isSilent.value).toBe(false);
  });

  it("says when the kernel may be gone, and takes it back", () => {
    const id = send(point);
    vi.advanceTimersByTime(SILENT_AFTER_MS);
    expect(link.isSilent.value).toBe(true);
    link.receive({ kind: "ack", re: id });
    expect(link.isSilent.value).toBe(false);
  });

  it("leaves the replies to other browsers alone", () => {
    expect(link.receive({ kind: "done", re: "somebody-1" })).toBe(false);
    expect(link.receive({ kind: "error", code: "model", message: "no", hint: "" })).toBe(false);
  });

  it("passes on no reply after the time is up", () => {
    const onReply = vi.fn<(reply: Reply) => void>();
    const onTimeout = vi.fn<() => void>();
    const id = send({ kind: "detail", box: [0, 0, 1, 1], width: 1 }, { timeout_ms: 50, onReply, onTimeout });
    vi.advanceTimersByTime(50);
    expect(link.receive({ kind: "done", re: id })).toBe(false);
    expect(onTimeout).toHaveBeenCalledOnce();
    expect(onReply).not.toHaveBeenCalled();
  });
});

describe("a link that loses messages", () => {
  it("repeats a change with its id, later and later, until its end", () => {
    const id = send(point);
    link.receive({ kind: "ack", re: id });
    vi.advanceTimersByTime(REPEAT_AFTER_MS - 1);
    expect(sent.length).toBe(1);
    vi.advanceTimersByTime(1 + 2 * REPEAT_AFTER_MS + 4 * REPEAT_AFTER_MS);
    expect(sent).toEqual([sent[0], sent[0], sent[0], sent[0]]);
    link.receive({ kind: "done", re: id });
    vi.advanceTimersByTime(100 * REPEAT_AFTER_MS);
    expect(sent.length).toBe(4);
  });

  it("repeats nothing that changes nothing", () => {
    send({ kind: "hello" });
    send({ kind: "hover", x: 1, y: 1, label: 1 });
    vi.advanceTimersByTime(10 * REPEAT_AFTER_MS);
    expect(sent.length).toBe(2);
  });

  it("throws nothing where the host throws, and waits for nothing", () => {
    const lost: Request[] = [];
    const broken = new Link(
      () => {
        throw new Error("Cannot send");
      },
      (request) => lost.push(request),
    );
    expect(broken.request(point)).toBeNull();
    expect(lost).toEqual([point]);
    expect(broken.pending.value).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("names the change that must have come before, until that is acknowledged", () => {
    const first = send(point);
    link.request({ kind: "hover", x: 1, y: 1, label: 1 });
    const second = send({ kind: "undo" });
    expect(sent.map(({ after }) => after)).toEqual([undefined, undefined, first]);
    link.receive({ kind: "ack", re: first });
    send({ kind: "redo" });
    link.receive({ kind: "ack", re: second });
    send({ kind: "accept" });
    expect(sent.slice(3).map(({ after }) => after)).toEqual([second, sent[3]?.id]);
  });

  it("sends a change that was dropped again, and the one after it, in order and at once", () => {
    const [first, second, third] = [send(point), send({ kind: "undo" }), send({ kind: "redo" })];
    sent.length = 0;
    link.receive({ kind: "resend", re: second });
    expect(sent.map(({ id, after }) => [id, after])).toEqual([
      [first, undefined],
      [second, first],
    ]);
    for (const re of [first, second]) link.receive({ kind: "ack", re });
    sent.length = 0;
    link.receive({ kind: "resend", re: third });
    expect(sent.map(({ id, after }) => [id, after])).toEqual([[third, undefined]]);
    expect(link.pending.value.length).toBe(3);
  });

  it("sends no message round and round: what is missing again waits for the next repetition", () => {
    const id = send(point);
    for (let n = 0; n < 3; n++) link.receive({ kind: "resend", re: id });
    expect(sent.length).toBe(2);
    vi.advanceTimersByTime(REPEAT_AFTER_MS);
    link.receive({ kind: "resend", re: id });
    expect(sent.length).toBe(4);
  });

  it("goes on behind a change that the kernel refuses", () => {
    const [first, second] = [send(point), send({ kind: "undo" })];
    link.receive({ kind: "error", re: first, code: "message", message: "no", hint: "" });
    sent.length = 0;
    link.receive({ kind: "resend", re: second });
    expect(sent.map(({ id, after }) => [id, after])).toEqual([[second, undefined]]);
  });

  it("asks once more where the kernel has handled a change and acknowledged nothing", () => {
    const handled: (() => void)[] = [];
    const lose = vi.fn<() => void>();
    const stopped = new Link((_, onHandled) => handled.push(onHandled), lose);
    const id = stopped.request(point) ?? "";
    handled[0]?.();
    vi.advanceTimersByTime(ACK_AFTER_HANDLED_MS);
    expect(handled.length).toBe(2);
    stopped.receive({ kind: "ack", re: id });
    handled[1]?.();
    vi.advanceTimersByTime(ACK_AFTER_HANDLED_MS);
    expect(lose).not.toHaveBeenCalled();
    stopped.end();
  });

  it("knows that nobody was there where the kernel has handled a change twice and acknowledged nothing", () => {
    const lost: Request[] = [];
    const handled: (() => void)[] = [];
    const deaf = new Link(
      (_, onHandled) => handled.push(onHandled),
      (request) => lost.push(request),
    );
    deaf.request(point);
    const id = deaf.request({ kind: "undo" }) ?? "";
    for (const tell of handled) tell();
    deaf.receive({ kind: "ack", re: id });
    vi.advanceTimersByTime(ACK_AFTER_HANDLED_MS);
    expect(lost).toEqual([]);
    handled.at(-1)?.();
    vi.advanceTimersByTime(ACK_AFTER_HANDLED_MS);
    expect(lost).toEqual([point]);
    deaf.end();
    for (const tell of handled) tell();
  });

  it("hears of a host that fails later", async () => {
    const lost: Request[] = [];
    const broken = new Link(
      () => Promise.reject(new Error("no session")),
      (request) => lost.push(request),
    );
    broken.request(point);
    await vi.waitFor(() => expect(lost).toEqual([point]));
    broken.end();
  });
});

describe("HoverPreview", () => {
  let hover: HoverPreview;
  const asked = () => sent.filter((message) => message.kind === "hover");
  const reply = (message: Envelope | undefined) => {
    const { header, buffer } = mask("m1");
    link.receive({
      kind: "preview",
      re: message?.id ?? "",
      image: "a",
      frame: FRAME,
      score: 0.9,
      masks: [header],
      buffers: [buffer],
    });
  };

  beforeEach(() => {
    hover = new HoverPreview(link, () => 0);
  });

  it("has one request on the way; the newest position follows, those between are dropped", () => {
    for (const x of [1, 2, 3, 4]) hover.ask({ x, y: 0 }, 1);
    expect(asked().map((message) => message.x)).toEqual([1]);
    reply(asked()[0]);
    expect(hover.preview.value?.at).toEqual({ x: 1, y: 0 });
    expect(asked().map((message) => message.x)).toEqual([1, 4]);
  });

  it("does not draw a reply that came after the pointer left", () => {
    hover.ask({ x: 1, y: 0 }, 1);
    hover.clear();
    reply(asked()[0]);
    expect(hover.preview.value).toBeNull();
  });

  it("does not draw the reply to an earlier request", () => {
    hover.ask({ x: 1, y: 0 }, 1);
    hover.clear();
    hover.ask({ x: 9, y: 0 }, 1);
    reply(asked()[0]);
    expect(hover.preview.value).toBeNull();
    reply(asked()[1]);
    expect(hover.preview.value?.at).toEqual({ x: 9, y: 0 });
  });

  it("asks nothing when the pointer has not moved", () => {
    hover.ask({ x: 1, y: 0 }, 1);
    reply(asked()[0]);
    hover.ask({ x: 1, y: 0 }, 1);
    expect(asked().length).toBe(1);
  });

  it("goes on after a reply that never came", () => {
    hover.ask({ x: 1, y: 0 }, 1);
    hover.ask({ x: 2, y: 0 }, 1);
    vi.advanceTimersByTime(3000);
    expect(asked().map((message) => message.x)).toEqual([1, 2]);
    reply(asked()[1]);
  });

  it("switches itself off on a slow link, and can be restarted", () => {
    const ask = (x: number, trip_ms: number) => {
      hover.ask({ x, y: 0 }, 1);
      vi.advanceTimersByTime(trip_ms);
      reply(asked().at(-1));
    };
    for (const [x, trip_ms] of [900, 900, 20, 20, SLOW_ABOVE_MS + 50].entries()) ask(x, trip_ms);
    expect(hover.isOff.value).toBe(true);
    hover.ask({ x: 50, y: 0 }, 1);
    expect(asked().length).toBe(5);
    hover.restart();
    hover.ask({ x: 51, y: 0 }, 1);
    expect(asked().length).toBe(6);
    reply(asked()[5]);
  });

  it("stays on when single replies are slow", () => {
    for (const [x, trip_ms] of [900, 20, 20, 900, 20, 20, 900].entries()) {
      hover.ask({ x, y: 0 }, 1);
      vi.advanceTimersByTime(trip_ms);
      reply(asked().at(-1));
    }
    expect(hover.isOff.value).toBe(false);
  });
});
