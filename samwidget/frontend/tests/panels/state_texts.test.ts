import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { describeModel, dotState, shownFailure, urgentMessage } from "../../src/panels/state_texts.ts";
import type { Phase } from "../../src/protocol.ts";
import { type Presence, Session } from "../../src/session.ts";
import { FakeModel, stubBrowser } from "../fakes.ts";

const ERROR = { code: "model", message: "The model failed.", hint: "Try again." };

let fake: FakeModel;
let session: Session;

beforeEach(() => {
  stubBrowser();
  vi.useFakeTimers();
  fake = new FakeModel();
  session = new Session(fake.model);
});

afterEach(() => {
  session.end();
  vi.useRealTimers();
});

interface Case {
  phase: Phase;
  presence?: Presence;
  /** How long a click has waited for its acknowledgement, ms; -1 where it was acknowledged. */
  click_ms?: number;
  can_use_bundled?: boolean;
}

const KERNEL_GONE = "There is no kernel. Run the cell to continue.";
const SILENT = "The kernel does not answer. If it was restarted, run the cell again.";
const BUSY = "The kernel is busy. Your clicks are kept.";

// Each row: the state, then the dot, the model and the hint that go together.
const rows: [Case, string, string, string][] = [
  [{ phase: "ready" }, "good", "nano · CPU", ""],
  [{ phase: "loading" }, "busy", "nano · loading… 0.0 s", ""],
  [{ phase: "encoding" }, "busy", "nano · CPU · encoding… 0.0 s", ""],
  [
    { phase: "encoding", click_ms: -1 },
    "busy",
    "nano · CPU · encoding… 0.0 s",
    "Your clicks are kept until the image is encoded.",
  ],
  [{ phase: "ready", click_ms: 400 }, "busy", "nano · CPU", BUSY],
  [{ phase: "ready", click_ms: 10_000 }, "busy", "nano · CPU", SILENT],
  [{ phase: "ready", presence: "absent" }, "off", "No kernel", KERNEL_GONE],
  [{ phase: "failed", presence: "absent" }, "off", "No kernel", KERNEL_GONE],
  [{ phase: "ready", presence: "absent", click_ms: 10_000 }, "off", "No kernel", KERNEL_GONE],
  [{ phase: "closed" }, "off", "nano · CPU · closed", "This widget is closed. Run the cell to continue."],
  [{ phase: "failed" }, "bad", "nano · CPU · failed", "There is no model. Try again."],
  [
    { phase: "failed", can_use_bundled: true },
    "bad",
    "nano · CPU · failed",
    "There is no model. Try again, or use the bundled network.",
  ],
  [
    { phase: "failed", can_use_bundled: true, click_ms: -1 },
    "bad",
    "nano · CPU · failed",
    "There is no model. Try again, or use the bundled network. Your clicks are kept.",
  ],
];

describe("dot, model and hint", () => {
  it.each(rows)("agree in %o", ({ phase, presence = "here", click_ms, can_use_bundled }, dot, model, hint) => {
    const status = { ...fake.traits.status, phase, ...(can_use_bundled === undefined ? {} : { can_use_bundled }) };
    if (click_ms !== undefined) {
      const re = session.request({ kind: "add_point", x: 1, y: 2, label: 1 });
      if (click_ms < 0) fake.receive({ kind: "ack", re });
      else vi.advanceTimersByTime(click_ms);
    }
    fake.change("status", phase === "failed" ? { ...status, error: ERROR } : status);
    session.presence.value = presence;
    expect([dotState(session), describeModel(session), urgentMessage(session)]).toEqual([dot, model, hint]);
    expect(shownFailure(session)).toEqual(phase === "failed" && presence === "here" ? ERROR : null);
  });
});
