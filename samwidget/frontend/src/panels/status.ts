// Panel: the status bar. Model and time on the left, what to do next in the middle, figures on the right; and a live region
// that says the most important of it, rarely enough to be listened to.

import { type ReadonlySignal, signal } from "@preact/signals-core";

import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { formatScore, formatSeconds } from "../numbers.ts";
import type { Status } from "../protocol.ts";
import type { Session } from "../session.ts";
import { currentTool } from "../tools/current.ts";
import type { View } from "../view.ts";

const TICK_MS = 100;
const NOTE_SHOWN_MS = 8000;

export function statusPanel(view: View, scope: Scope): HTMLElement {
  const element = h(
    "footer",
    { class: "sw-status", "data-sw": "status" },
    h("i", { class: "sw-progress", "aria-hidden": "true" }),
    modelPart(view, scope),
    messagePart(view, scope),
    figuresPart(view, scope),
    announcer(view, scope),
  );
  scope.effect(() => {
    const isWorking = isBusyPhase(view.session.status.value) && !isAbsent(view.session);
    setAttribute(element, "data-working", isWorking ? "" : null);
  });
  return element;
}

/** A dot for the state, and the model with what it is doing. */
function modelPart({ session }: View, scope: Scope): HTMLElement {
  const dot = h("i", { class: "sw-dot" });
  const model = h("span", { class: "sw-model" });
  let stopTicking = () => {};
  scope.effect(() => {
    const status = session.status.value;
    const since_ms = session.statusAt_ms.value;
    const hasKernel = !isAbsent(session);
    const tick = () => setText(model, hasKernel ? describe(status, since_ms) : "No kernel");
    stopTicking();
    tick();
    if (isBusyPhase(status) && hasKernel) stopTicking = scope.every(TICK_MS, tick);
  });
  scope.effect(() => {
    const status = session.status.value;
    const isBusy = isBusyPhase(status) || session.link.isBusy.value;
    const state = status.phase === "failed" ? "bad" : isBusy ? "busy" : "good";
    setAttribute(dot, "data-state", status.phase === "closed" || isAbsent(session) ? "off" : state);
    setAttribute(model, "title", status.note || null);
  });
  return h("span", { class: "sw-status-left" }, dot, model);
}

/** The most urgent message, or else the hint of the current tool. */
function messagePart(view: View, scope: Scope): HTMLElement {
  const element = h("span", { class: "sw-hint" });
  const note = watchNote(view.session, scope);
  scope.effect(() => {
    const message = urgentMessage(view.session) || note.value || view.hover.offBecause.value;
    setText(element, message || currentTool(view).hint(view));
    element.classList.toggle("sw-strong", message !== "");
  });
  return element;
}

function figuresPart({ session, state }: View, scope: Scope): HTMLElement {
  const latency = h("span", { class: "sw-figure", title: "Time from click to drawn mask", "data-sw": "latency" });
  const pointer = h("span", { class: "sw-figure sw-pointer", "data-sw": "pointer" });
  const zoom = h("span", {
    class: "sw-figure sw-zoom",
    title: "Screen pixels for each image pixel",
    "data-sw": "zoom",
  });
  scope.effect(() => {
    const latency_ms = state.latency_ms.value;
    setText(latency, latency_ms === null ? "" : `${Math.round(latency_ms)} ms`);
    const at = state.crosshair.value ?? state.pointer.value;
    setText(pointer, at ? `x ${Math.floor(at.x)}  y ${Math.floor(at.y)}` : "");
    setText(zoom, session.photo.value ? `${Math.round(state.viewport.value.scale * 100)} %` : "");
  });
  return h("span", { class: "sw-figures" }, latency, pointer, zoom);
}

function announcer({ session, state }: View, scope: Scope): HTMLElement {
  const element = h("span", { class: "sw-live", role: "status", "aria-live": "polite" });
  scope.effect(() => {
    const { phase, error } = session.status.value;
    const active = state.active.value;
    const score = active?.score === null || !active ? "" : `, score ${formatScore(active.score)}`;
    const count = session.document.value.objects.length;
    const objects = active ? `${active.name}${score}.` : `${count} ${count === 1 ? "object" : "objects"}.`;
    const model = error?.message ?? `${MODEL_DOES[phase]}.`;
    setText(element, urgentMessage(session) || (phase === "ready" ? objects : model));
  });
  return element;
}

const MODEL_DOES: Record<Status["phase"], string> = {
  loading: "Loading the model",
  encoding: "Encoding the image",
  ready: "Ready",
  failed: "The model failed",
  closed: "This widget is closed",
};

function isAbsent(session: Session): boolean {
  return session.presence.value === "absent";
}

function isBusyPhase({ phase }: Status): boolean {
  return phase === "loading" || phase === "encoding";
}

function describe(status: Status, since_ms: number): string {
  const { phase, network, device, encode_s } = status;
  const elapsed_s = (status.elapsed_s + (performance.now() - since_ms) / 1000).toFixed(1);
  const model = [network, device].filter(Boolean).join(" · ");
  switch (phase) {
    case "loading":
      return `${network || "Model"} · loading… ${elapsed_s} s`;
    case "encoding":
      return `${model} · encoding… ${elapsed_s} s`;
    case "failed":
      return `${model} · failed`;
    case "closed":
      return `${model} · closed`;
    case "ready":
      if (encode_s === null) return model;
      return encode_s === 0 ? `${model} · encoded before` : `${model} · encoded in ${formatSeconds(encode_s)}`;
  }
}

/** What is more urgent than a hint; empty where nothing is. */
function urgentMessage(session: Session): string {
  const { phase } = session.status.value;
  if (phase === "closed") return "This widget is closed. Run the cell to continue.";
  if (isAbsent(session)) return "There is no kernel. Run the cell to continue.";
  if (session.link.isSilent.value) return "The kernel does not answer. If it was restarted, run the cell again.";
  if (session.link.isBusy.value) return "The kernel is busy. Your clicks are kept.";
  if (phase === "encoding" && session.link.pending.value.length > 0) {
    return "Your clicks are kept until the image is encoded.";
  }
  return "";
}

/** The status's note, for some seconds after it came; then empty. */
function watchNote(session: Session, scope: Scope): ReadonlySignal<string> {
  const visible = signal("");
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = "";
  scope.watch([session.status], ({ note }) => {
    if (note === last) return;
    last = note;
    visible.value = note;
    clearTimeout(timer);
    timer = setTimeout(() => {
      visible.value = "";
    }, NOTE_SHOWN_MS);
  });
  scope.onEnd(() => clearTimeout(timer));
  return visible;
}
