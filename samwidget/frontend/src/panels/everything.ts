// Panel: the search of everything. While it runs, how far it is; afterwards, which of the masks to keep. Floats over a
// wide photo, and has a row of its own under a narrow one.

import { signal } from "@preact/signals-core";

import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { grouped } from "../figures.ts";
import { type Findings, type Progress, SLIDER_MAX } from "../findings.ts";
import type { Session } from "../session.ts";
import { slider } from "./slider.ts";

export interface EverythingActions {
  cancel(): void;
  keep(): void;
  discard(): void;
}

export interface EverythingPanel {
  element: HTMLElement;
  /** What assistive technology says; apart from the panel, since it speaks when the panel goes. */
  live: HTMLElement;
  /** Moves the keyboard into the panel. */
  focus(): void;
}

export function everythingPanel(
  session: Session,
  actions: EverythingActions,
  focusStage: () => void,
  scope: Scope,
): EverythingPanel {
  const { findings } = session;
  const running = runningPart(findings, actions.cancel, scope);
  const choosing = choosingPart(session, actions, scope);
  const element = h(
    "div",
    { class: "sw-float sw-finds", role: "group", "aria-label": "Everything", "data-sw": "findings" },
    running.element,
    choosing.element,
  );
  const live = h("p", { class: "sw-said", role: "status", "aria-live": "polite" });
  scope.effect(() => {
    const isOpen = findings.isOpen.value;
    const isRunning = findings.isRunning.value;
    const hadFocus = element.matches(":focus-within");
    element.classList.toggle("sw-shown", isOpen);
    running.element.hidden = !isRunning;
    // What the panel last showed stays while it fades.
    choosing.element.hidden = isRunning;
    // A button that goes must not take the keyboard with it.
    if (hadFocus && (!isOpen || !element.matches(":focus-within"))) focusStage();
  });
  announce(findings, live, scope);
  return { element, live, focus: () => (findings.isRunning.value ? running.cancel : choosing.primary()).focus() };
}

function runningPart(
  findings: Findings,
  onCancel: () => void,
  scope: Scope,
): { element: HTMLElement; cancel: HTMLButtonElement } {
  const isStopping = signal(false);
  const said = h("span", { class: "sw-finds-said", "data-sw": "find-progress" });
  const left = h("span", { class: "sw-finds-left" });
  const cancel = button("find-cancel", "sw-second", "Cancel", "Esc");
  const fill = h("i", {});
  const bar = h("div", { class: "sw-bar", role: "progressbar", "aria-label": "Points asked" }, fill);
  const element = h("div", { class: "sw-finds-run" }, said, left, cancel.element, bar);
  scope.listen(cancel.element, "click", () => {
    isStopping.value = true;
    onCancel();
  });
  scope.effect(() => {
    if (!findings.isRunning.value) {
      isStopping.value = false;
      return;
    }
    const progress = findings.progress.value;
    const { done, total } = progress;
    const found = findings.found.value.length;
    setText(said, total === 0 ? "Looking at the photo…" : `${points(progress)} · ${grouped(found)} found`);
    setText(left, timeLeft(progress));
    setText(cancel.label, isStopping.value ? "Stopping…" : "Cancel");
    setAttribute(bar, "aria-valuemax", total === 0 ? null : String(total));
    setAttribute(bar, "aria-valuenow", total === 0 ? null : String(done));
    setAttribute(bar, "aria-valuetext", total === 0 ? null : `${points(progress)}, ${found} found`);
    setAttribute(bar, "data-unknown", total === 0 ? "" : null);
    fill.style.transform = total === 0 ? "" : `scaleX(${done / total})`;
  });
  return { element, cancel: cancel.element };
}

function choosingPart(
  session: Session,
  actions: EverythingActions,
  scope: Scope,
): { element: HTMLElement; primary: () => HTMLButtonElement } {
  const { findings } = session;
  const sliders = h(
    "div",
    { class: "sw-finds-sliders" },
    slider(
      {
        hook: "area-min",
        label: "Smallest area",
        hint: "Drop masks that are smaller. Double-click for all.",
        min: 0,
        max: SLIDER_MAX,
        step: 1,
        rest: 0,
        position: () => findings.areaSlider.value,
        move: (position) => {
          findings.areaSlider.value = position;
        },
        text: () => (findings.areaMin.value === 0 ? "any" : `${grouped(findings.areaMin.value)} px`),
      },
      scope,
    ),
    slider(
      {
        hook: "score-min",
        label: "Lowest score",
        hint: "Drop masks that the network is less sure of. Double-click for all.",
        min: 0,
        max: SLIDER_MAX,
        step: 1,
        rest: 0,
        position: () => findings.scoreSlider.value,
        move: (position) => {
          findings.scoreSlider.value = position;
        },
        text: () => (findings.scoreMin.value === 0 ? "any" : findings.scoreMin.value.toFixed(2)),
      },
      scope,
    ),
  );
  const count = h("span", { class: "sw-finds-count", "data-sw": "find-count" });
  const discard = button("find-discard", "sw-second", "Discard", "Esc");
  const keep = button("find-keep", "sw-first", "Keep", "⏎");
  const element = h("div", { class: "sw-finds-choose" }, sliders, count, discard.element, keep.element);
  scope.listen(discard.element, "click", actions.discard);
  scope.listen(keep.element, "click", actions.keep);
  scope.effect(() => {
    const found = findings.found.value.length;
    const kept = findings.kept.value.size;
    const isKeeping = session.link.pending.value.some(({ request }) => request.kind === "keep_found");
    // The numbers stay as they were while the panel fades.
    if (!findings.isOpen.value || findings.isRunning.value) return;
    sliders.hidden = found === 0;
    keep.element.hidden = found === 0;
    setText(count, found === 0 ? "Nothing found" : `${grouped(kept)} of ${grouped(found)}`);
    setText(discard.label, found === 0 ? "Close" : "Discard");
    setText(keep.label, isKeeping ? "Keeping…" : `Keep ${grouped(kept)}`);
    setAttribute(keep.element, "aria-disabled", String(kept === 0 || isKeeping));
  });
  return { element, primary: () => (keep.element.hidden ? discard.element : keep.element) };
}

function button(
  hook: string,
  look: string,
  text: string,
  key: string,
): { element: HTMLButtonElement; label: HTMLElement } {
  const label = h("span", {}, text);
  const sign = h("kbd", { class: "sw-key", "aria-hidden": "true" }, key);
  const element = h("button", { class: `sw-action ${look}`, type: "button", "data-sw": hook }, label, sign);
  return { element, label };
}

function points({ done, total }: Progress): string {
  return `${grouped(done)} of ${grouped(total)} points`;
}

/** Coarse, so that it counts down instead of trembling. */
function timeLeft({ seconds_left, total }: Progress): string {
  if (seconds_left === null || total === 0) return "";
  if (seconds_left > 90) return `${Math.round(seconds_left / 60)} min left`;
  return `${Math.ceil(seconds_left)} s left`;
}

/** Says how a search begins and ends, and how the user's choice ends it. */
function announce(findings: Findings, live: HTMLElement, scope: Scope): void {
  scope.effect(() => {
    const phase = findings.phase.value;
    const found = findings.found.peek().length;
    if (phase === "running") setText(live, "FoundObject everything. Escape stops.");
    else if (phase === "none") setText(live, "");
    else {
      const how = { done: "", cancelled: "Stopped: ", failed: "The search failed: " }[phase];
      const what = found === 0 ? "nothing found." : `${found} found. Enter keeps them, Escape discards them.`;
      setText(live, how + what);
    }
  });
}
