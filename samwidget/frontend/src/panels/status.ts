// Panel: the status bar. Network and time on the left, what to do next in the middle, figures on the right; and a
// live region that says the same in words, seldom enough to be listened to.

import { type ReadonlySignal, signal } from "@preact/signals-core";

import { h, type Scope, setAttribute, setText } from "../dom.ts";
import type { HoverPreview } from "../hover.ts";
import type { Status } from "../protocol.ts";
import type { Session } from "../session.ts";
import type { ViewState } from "../state.ts";

const TICK_MS = 100;
const NOTE_SHOWN_MS = 8000;

export interface StatusParts {
  session: Session;
  state: ViewState;
  hover: HoverPreview;
  /** The hint of the tool in hand. */
  hint: () => string;
}

export function statusPanel({ session, state, hover, hint }: StatusParts, scope: Scope): HTMLElement {
  const network = h("span", { class: "sw-network" });
  const dot = h("i", { class: "sw-dot" });
  const middle = h("span", { class: "sw-hint" });
  const latency = h("span", { class: "sw-figure sw-latency", title: "Click to drawn mask", "data-sw": "latency" });
  const place = h("span", { class: "sw-figure sw-place", "data-sw": "pointer" });
  const zoom = h("span", {
    class: "sw-figure sw-zoom",
    title: "Screen pixels for each photo pixel",
    "data-sw": "zoom",
  });
  const live = h("span", { class: "sw-said", role: "status", "aria-live": "polite" });
  const element = h(
    "footer",
    { class: "sw-status", "data-sw": "status" },
    h("i", { class: "sw-progress", "aria-hidden": "true" }),
    h("span", { class: "sw-status-left" }, dot, network),
    middle,
    h("span", { class: "sw-figures" }, latency, place, zoom),
    live,
  );

  let stopTicking = () => {};
  scope.effect(() => {
    const status = session.status.value;
    const since_ms = session.statusAt_ms.value;
    const isAbsent = session.presence.value === "absent";
    const tick = () => setText(network, isAbsent ? "no kernel" : describe(status, since_ms));
    stopTicking();
    tick();
    if (isWorking(status) && !isAbsent) stopTicking = scope.every(TICK_MS, tick);
  });
  scope.effect(() => {
    const status = session.status.value;
    const isAway = session.presence.value === "absent" || session.link.isBusy.value;
    const look = status.phase === "failed" ? "bad" : isWorking(status) || isAway ? "busy" : "good";
    setAttribute(dot, "data-look", status.phase === "closed" || session.presence.value === "absent" ? "off" : look);
    setAttribute(element, "data-working", isWorking(status) && session.presence.value !== "absent" ? "" : null);
    setAttribute(network, "title", status.note || null);
  });

  const note = watchNote(session, scope);
  scope.effect(() => {
    const said = sentence(session) || note.value || hover.offBecause.value;
    setText(middle, said || hint());
    middle.classList.toggle("sw-strong", said !== "");
  });
  scope.effect(() => {
    const { phase, error } = session.status.value;
    const active = state.active.value;
    const score = active?.score === null || !active ? "" : `, score ${active.score.toFixed(2)}`;
    const object = active ? `${active.name}${score}` : `${session.document.value.objects.length} objects`;
    setText(live, sentence(session) || (phase === "ready" ? object : (error?.message ?? `${phase} …`)));
  });
  scope.effect(() => {
    const drawn = state.latency_ms.value;
    setText(latency, drawn === null ? "" : `${Math.round(drawn)} ms`);
    const at = state.crosshair.value ?? state.pointer.value;
    setText(place, at ? `x ${Math.floor(at.x)}  y ${Math.floor(at.y)}` : "");
    setText(zoom, session.photo.value ? `${Math.round(state.viewport.value.scale * 100)} %` : "");
  });
  return element;
}

function isWorking({ phase }: Status): boolean {
  return phase === "loading" || phase === "encoding";
}

function describe(status: Status, since_ms: number): string {
  const { phase, network, device, encode_s } = status;
  const elapsed_s = status.elapsed_s + (performance.now() - since_ms) / 1000;
  const where = [network, device].filter(Boolean).join(" · ");
  switch (phase) {
    case "loading":
      return `${network || "network"} · loading… ${elapsed_s.toFixed(1)} s`;
    case "encoding":
      return `${where} · encoding… ${elapsed_s.toFixed(1)} s`;
    case "failed":
      return `${where} · failed`;
    case "closed":
      return `${where} · closed`;
    case "ready":
      if (encode_s === null) return where;
      return encode_s === 0 ? `${where} · encoded before` : `${where} · encoded in ${seconds(encode_s)}`;
  }
}

function seconds(duration_s: number): string {
  return duration_s < 0.095 ? `${Math.round(duration_s * 1000)} ms` : `${duration_s.toFixed(1)} s`;
}

/** What is more urgent than a hint; empty where nothing is. */
function sentence(session: Session): string {
  if (session.status.value.phase === "closed") return "This widget is closed: run the cell to continue";
  if (session.presence.value === "absent") return "Run the cell to continue";
  if (session.link.isSilent.value) return "No answer from the kernel: if it was restarted, run the cell again";
  if (session.link.isBusy.value) return "Kernel busy: your clicks are kept";
  if (session.status.value.phase === "encoding" && session.link.pending.value.length > 0) {
    return "Your clicks are kept until the photo is encoded";
  }
  return "";
}

/** The status's note, for a while after it came. */
function watchNote(session: Session, scope: Scope): ReadonlySignal<string> {
  const shown = signal("");
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = "";
  scope.effect(() => {
    const { note } = session.status.value;
    if (note === last) return;
    last = note;
    shown.value = note;
    clearTimeout(timer);
    timer = setTimeout(() => {
      shown.value = "";
    }, NOTE_SHOWN_MS);
  });
  scope.onEnd(() => clearTimeout(timer));
  return shown;
}
