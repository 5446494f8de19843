// Panel: a search, of everything, of similar objects or of words, in the tray. While it runs, its progress; afterwards, the choice of which found objects to
// keep.

import { signal } from "@preact/signals-core";

import { cancelEverything, discardFoundObjects, keepFoundObjects } from "../commands/document.ts";
import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { type EverythingSearch, type Progress, SLIDER_MAX } from "../everything.ts";
import { leaveHidden } from "../focus.ts";
import { formatCount, formatScore } from "../numbers.ts";
import type { SearchKind } from "../protocol.ts";
import { slider } from "../slider.ts";
import type { View } from "../view.ts";

export function everythingPanel(view: View, scope: Scope): HTMLElement {
  const { everything } = view.session;
  const running = runningPart(view, scope);
  const choosing = choosingPart(view, scope);
  const element = h("div", { class: "sw-everything", role: "group", "data-sw": "everything-panel" }, running, choosing);
  scope.effect(() => setAttribute(element, "aria-label", titleOf(everything)));
  scope.watch([everything.isRunning], (isRunning) => {
    running.hidden = !isRunning;
    choosing.hidden = isRunning;
    leaveHidden(view, [running, choosing]);
  });
  return element;
}

/**
 * What assistive technology says when a search begins and ends. Apart from the panel, since it speaks when the panel is
 * hidden.
 */
export function everythingAnnouncer({ session: { everything } }: View, scope: Scope): HTMLElement {
  const element = h("p", { class: "sw-live", role: "status", "aria-live": "polite" });
  scope.watch([everything.phase], (phase) => {
    const count = everything.foundObjects.value.length;
    const outcome =
      count === 0
        ? "Nothing was found. Escape closes the search."
        : count === 1
          ? "1 object was found. Enter keeps it, Escape discards it."
          : `${formatCount(count)} objects were found. Enter keeps the chosen ones, Escape discards all.`;
    switch (phase) {
      case "none":
        return setText(element, "");
      case "running":
        return setText(element, `Finding ${subjectOf(everything)}. Escape stops the search.`);
      case "cancelled":
        return setText(element, `The search has stopped. ${outcome}`);
      case "failed":
        return setText(element, `The search failed. ${outcome}`);
      case "done":
        return setText(element, outcome);
    }
  });
  return element;
}

function runningPart(view: View, scope: Scope): HTMLElement {
  const { everything } = view.session;
  const isStopping = signal(false);
  const points = h("span", { "data-sw": "find-progress" });
  const time = h("span", { class: "sw-everything-time" });
  const cancel = button("find-cancel", "sw-second", "Cancel", "Esc");
  const fill = h("i", {});
  const bar = h("div", { class: "sw-bar", role: "progressbar", "aria-label": "Search progress" }, fill);
  scope.listen(cancel.element, "click", () => {
    isStopping.value = true;
    cancelEverything(view);
  });
  scope.effect(() => {
    if (!everything.isRunning.value) {
      isStopping.value = false;
      return;
    }
    const progress = everything.progress.value;
    const { done, total } = progress;
    const count = formatCount(everything.foundObjects.value.length);
    const isKnown = total > 0;
    const title = everything.kind.value === "everything" ? "" : `${titleOf(everything)} · `;
    const counted = formatDone(everything.kind.value, progress);
    const begun = everything.kind.value === "words" ? `Finding ${subjectOf(everything)}…` : "Reading the image…";
    setText(points, isKnown ? `${title}${counted} · ${count} found` : begun);
    setText(time, timeLeft(progress));
    setText(cancel.label, isStopping.value ? "Stopping…" : "Cancel");
    setAttribute(bar, "aria-valuemax", isKnown ? String(total) : null);
    setAttribute(bar, "aria-valuenow", isKnown ? String(done) : null);
    setAttribute(bar, "aria-valuetext", isKnown ? `${counted}, ${count} found` : null);
    setAttribute(bar, "data-unknown", isKnown ? null : "");
    fill.style.transform = isKnown ? `scaleX(${done / total})` : "";
  });
  return h("div", { class: "sw-everything-running" }, points, time, cancel.element, bar);
}

function choosingPart(view: View, scope: Scope): HTMLElement {
  const { everything, link } = view.session;
  const sliders = choiceSliders(view, scope);
  const count = h("span", { class: "sw-everything-count", "data-sw": "find-count" });
  const discard = button("find-discard", "sw-second", "Discard", "Esc");
  const keep = button("find-keep", "sw-first", "Keep", "⏎");
  scope.listen(discard.element, "click", () => discardFoundObjects(view));
  scope.listen(keep.element, "click", () => keepFoundObjects(view));
  scope.effect(() => {
    const total = everything.foundObjects.value.length;
    const keptCount = everything.keptIds.value.size;
    const isKeeping = link.pending.value.some(({ request }) => request.kind === "keep_found");
    if (!everything.isOpen.value || everything.isRunning.value) return;
    const isEmpty = total === 0;
    sliders.hidden = isEmpty;
    keep.element.hidden = isEmpty;
    setText(count, isEmpty ? nothingOf(everything) : `${formatCount(keptCount)} of ${formatCount(total)}`);
    setText(discard.label, isEmpty ? "Close" : "Discard");
    setText(keep.label, isKeeping ? "Keeping…" : `Keep ${formatCount(keptCount)}`);
    setAttribute(keep.element, "aria-disabled", String(keptCount === 0 || isKeeping));
  });
  return h("div", { class: "sw-everything-choosing" }, sliders, count, discard.element, keep.element);
}

function choiceSliders({ session: { everything } }: View, scope: Scope): HTMLElement {
  const { areaSlider, areaMin, scoreSlider, scoreMin } = everything;
  const range = { min: 0, max: SLIDER_MAX, step: 1, initial: 0 };
  const area = {
    ...range,
    name: "area-min",
    label: "Min area",
    hint: "Drops smaller masks. Double-click to show all.",
    position: () => areaSlider.value,
    move: (position: number) => {
      areaSlider.value = position;
    },
    text: () => (areaMin.value === 0 ? "any" : `${formatCount(areaMin.value)} px`),
  };
  const score = {
    ...range,
    name: "score-min",
    label: "Min score",
    hint: "Drops masks with a lower score. Double-click to show all.",
    position: () => scoreSlider.value,
    move: (position: number) => {
      scoreSlider.value = position;
    },
    text: () => (scoreMin.value === 0 ? "any" : formatScore(scoreMin.value)),
  };
  return h("div", { class: "sw-everything-sliders" }, slider(area, scope), slider(score, scope));
}

function button(
  name: string,
  className: string,
  text: string,
  key: string,
): { element: HTMLButtonElement; label: HTMLElement } {
  const label = h("span", {}, text);
  const keySign = h("kbd", { class: "sw-key", "aria-hidden": "true" }, key);
  const element = h("button", { class: `sw-action ${className}`, type: "button", "data-sw": name }, label, keySign);
  return { element, label };
}

function titleOf(search: EverythingSearch): string {
  const subject = subjectOf(search);
  return subject.charAt(0).toUpperCase() + subject.slice(1);
}

function subjectOf({ kind, phrase }: EverythingSearch): string {
  switch (kind.value) {
    case "everything":
      return "everything";
    case "similar":
      return "similar objects";
    case "words":
      return phrase.value ? `“${phrase.value}”` : "objects like the examples";
  }
}

function nothingOf({ kind, phrase }: EverythingSearch): string {
  switch (kind.value) {
    case "everything":
      return "Nothing found";
    case "similar":
      return "Nothing similar found";
    case "words":
      return phrase.value ? `No “${phrase.value}” found` : "Nothing like the examples found";
  }
}

/** A search by words counts phrases. */
function formatDone(kind: SearchKind, { done, total }: Progress): string {
  const unit = kind !== "words" ? "points" : total === 1 ? "phrase" : "phrases";
  return `${formatCount(done)} of ${formatCount(total)} ${unit}`;
}

/** Rounded, so that it counts down steadily. */
function timeLeft({ seconds_left, total }: Progress): string {
  if (seconds_left === null || total === 0) return "";
  if (seconds_left > 90) return `${Math.round(seconds_left / 60)} min left`;
  return `${Math.ceil(seconds_left)} s left`;
}
