// Panel: the status bar. Model and time on the left, what to do next in the middle, figures on the right; and a live region
// that says the most important of it, rarely enough to be listened to.

import { openSave } from "../commands/saving.ts";
import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { shortcutOf } from "../keyboard.ts";
import { formatScore } from "../numbers.ts";
import type { View } from "../view.ts";
import { showHint } from "./hint.ts";
import { makingPanel } from "./making.ts";
import { describeChange, modelButton, modelChangePanel } from "./models.ts";
import { watchSavePanel } from "./save.ts";
import {
  describeModel,
  describeSaving,
  dotState,
  encodingTime,
  hasFailed,
  isWorking,
  urgentMessage,
} from "./state_texts.ts";

const TICK_MS = 100;
/** A change that is saved sooner does not show that it is being saved. */
const SAVING_AFTER_MS = 400;
const SAVE_HINT = `Save objects, classes and undo to a file (${shortcutOf("save")})`;

export function statusPanel(view: View, scope: Scope): HTMLElement {
  const element = h(
    "div",
    { class: "sw-status", "data-sw": "status" },
    h("i", { class: "sw-progress", "aria-hidden": "true" }),
    modelPart(view, scope),
    messagePart(view, scope),
    makingPanel(view, scope),
    modelChangePanel(view, scope),
    figuresPart(view, scope),
    announcer(view, scope),
  );
  scope.effect(() => setAttribute(element, "data-working", isWorking(view.session) ? "" : null));
  return element;
}

/** A dot for the state, and the model with what it is doing. */
function modelPart(view: View, scope: Scope): HTMLElement {
  const { session } = view;
  const dot = h("i", { class: "sw-dot" });
  const name = h("span", {});
  const detail = h("span", { class: "sw-detail" });
  const model = h("span", { class: "sw-model" }, name, detail);
  let stopTicking = () => {};
  scope.effect(() => {
    const tick = () => setText(name, describeModel(session));
    stopTicking();
    tick();
    setText(detail, encodingTime(session));
    if (isWorking(session)) stopTicking = scope.every(TICK_MS, tick);
  });
  scope.effect(() => {
    setAttribute(dot, "data-state", dotState(session));
    setAttribute(model, "title", session.status.value.note || null);
  });
  return h("span", { class: "sw-status-left" }, dot, modelButton(view, model, scope));
}

/** The hint, where the tray does not show it. */
function messagePart(view: View, scope: Scope): HTMLElement {
  const element = h("span", { class: "sw-hint" });
  showHint(element, view, scope);
  return element;
}

function figuresPart(view: View, scope: Scope): HTMLElement {
  const { session, state } = view;
  const latency = h("span", {
    class: "sw-figure sw-latency",
    title: "Time from click to drawn mask",
    "data-sw": "latency",
  });
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
  return h("span", { class: "sw-figures" }, pointer, savedPart(view, scope), latency, zoom);
}

/** Whether the session file holds every change; a button that saves to a file. */
function savedPart(view: View, scope: Scope): HTMLElement {
  const { session, state } = view;
  const text = h("span", {});
  const more = h("span", { class: "sw-saved-more" });
  const element = h(
    "button",
    { class: "sw-figure sw-saved", type: "button", "data-sw": "saved", "aria-haspopup": "dialog" },
    text,
    more,
  );
  watchSavePanel(view, element, scope);
  scope.listen(element, "click", () => openSave(view));
  scope.effect(() => setAttribute(element, "aria-expanded", String(state.isSaveOpen.value)));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = () => {
    const saving = describeSaving(session);
    const status = session.sessionFile.value;
    element.hidden = saving.text === "";
    setText(text, saving.text);
    setText(more, saving.more);
    setAttribute(element, "data-phase", status?.phase ?? "none");
    const lines = status ? [status.path, status.message, status.hint] : [SAVE_HINT];
    setAttribute(element, "title", lines.filter(Boolean).join("\n"));
  };
  scope.watch([session.sessionFile, session.presence, session.status, session.photo], (status) => {
    clearTimeout(timer);
    if (status?.phase === "saving") timer = setTimeout(show, SAVING_AFTER_MS);
    else show();
  });
  scope.onEnd(() => clearTimeout(timer));
  return element;
}

function announcer({ session, state }: View, scope: Scope): HTMLElement {
  const element = h("span", { class: "sw-live", role: "status", "aria-live": "polite" });
  scope.effect(() => {
    const { phase, error } = session.status.value;
    const active = state.active.value;
    const score = active?.score === null || !active ? "" : `, score ${formatScore(active.score)}`;
    const count = session.document.value.objects.length;
    const class_ = active?.class == null ? "" : `, class ${active.class}`;
    const selected = state.selection.value.length;
    const refined = active
      ? `Refining ${active.name}${class_}${score}.`
      : `${count} ${count === 1 ? "object" : "objects"}.`;
    const objects = selected > 0 ? `${selected} selected.` : refined;
    const calm = phase === "loading" ? "Loading the model." : phase === "encoding" ? "Encoding the image." : objects;
    const failure = hasFailed(session) ? error?.message : undefined;
    const change = session.models.value?.change;
    // Without the bytes: it would be read with each of them.
    const next = change ? describeChange({ ...change, total: 0 }) : "";
    setText(element, failure || urgentMessage(session) || next || calm);
  });
  return element;
}
