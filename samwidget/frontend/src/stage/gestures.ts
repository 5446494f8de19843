// Pointers and wheel over the stage: mouse, pen and touch in one path, with capture. Decides who handles a gesture (the
// tool, a pan, a pinch), keeps the pointer's position, and asks for hover previews.

import { hideCrosshair } from "../commands/crosshair.ts";
import { leaveName } from "../commands/naming.ts";
import type { Scope } from "../dom.ts";
import { currentTool } from "../tools/current.ts";
import { handleCursor, promptAt } from "../tools/handles.ts";
import { startPan } from "../tools/pan.ts";
import type { Gesture, Press } from "../tools/tool.ts";
import { DRAWING_TOOLS } from "../traits.ts";
import type { View } from "../view.ts";
import { distance, isInside, isLarger, type Point, type Position, panBy, zoomAt } from "../viewport.ts";
import type { StageCanvases } from "./canvases.ts";

/** One notch of a mouse wheel is 100 to 120 CSS pixels. */
const WHEEL_RATE = 0.0016;
/** A trackpad pinch arrives as a Ctrl + wheel of small steps. */
const PINCH_RATE = 0.01;
const WHEEL_LINE_PX = 16;
/** A turn of the wheel that has zoomed does not scroll the page before it has paused this long. */
const WHEEL_PAUSE_MS = 250;

interface Pinch {
  middle: Point;
  spread: number;
}

export class Gestures {
  /** The space bar is down: the next drag pans. */
  isSpaceDown = false;
  /** The space bar was held for a pan: when it comes up, it does not use the tool. */
  wasSpaceUsed = false;

  readonly #canvases: StageCanvases;
  readonly #view: View;
  readonly #touches = new Map<number, Point>();
  #gesture: { pointerId: number; gesture: Gesture } | null = null;
  #pinch: Pinch | null = null;
  /** When the wheel alone has zoomed last, in the time of events. */
  #zoomed_ms = Number.NEGATIVE_INFINITY;

  constructor(canvases: StageCanvases, view: View, scope: Scope) {
    this.#canvases = canvases;
    this.#view = view;
    const { element } = canvases;
    scope.listen(element, "pointerdown", (event) => this.#down(event));
    scope.listen(element, "pointermove", (event) => this.#move(event));
    scope.listen(element, "pointerup", (event) => this.#up(event));
    scope.listen(element, "pointercancel", (event) => this.#lost(event));
    scope.listen(element, "lostpointercapture", (event) => this.#lost(event));
    scope.listen(element, "pointerleave", () => this.#leave());
    scope.listen(element, "contextmenu", (event) => event.preventDefault());
    // Neither may the middle button start to scroll the page, nor a drag select text.
    scope.listen(element, "mousedown", (event) => event.preventDefault());
    scope.listen(element, "wheel", (event) => this.#wheel(event), { passive: false });
    // One finger may scroll the page (style/stage.css), two are a pinch.
    const isOurs = ({ cancelable, touches }: TouchEvent) => cancelable && touches.length > 1;
    scope.listen(element, "touchmove", (event) => isOurs(event) && event.preventDefault(), { passive: false });
    const { session, state } = view;
    const { everything, settings } = session;
    scope.watch([everything.isOpen, settings.tool, state.isPanning, state.pointedId], () => this.#showCursor());
    scope.watch([state.hasFocus], (hasFocus) => {
      if (!hasFocus) this.isSpaceDown = false;
    });
    scope.onEnd(() => this.cancel());
  }

  /** Ends the gesture without its effect; false where there was none. */
  cancel(): boolean {
    const hadGesture = this.#gesture !== null;
    this.#gesture?.gesture.cancel();
    this.#setGesture(null);
    return hadGesture;
  }

  #down(event: PointerEvent): void {
    const { session, hover } = this.#view;
    leaveName(this.#view);
    this.#canvases.element.focus({ preventScroll: true });
    hideCrosshair(this.#view);
    const position = this.#canvases.position(event);
    if (event.pointerType === "touch") {
      this.#touches.set(event.pointerId, position.screen);
      if (this.#touches.size === 2) {
        this.cancel();
        this.#pinch = this.#measurePinch();
      }
    }
    if (this.#gesture || this.#pinch || !session.photo.value || this.#view.state.isTurning.value) return;
    this.#canvases.element.setPointerCapture(event.pointerId);
    const press: Press = {
      ...position,
      isSecondary: isOtherButton(event) || event.altKey || event.ctrlKey,
      hasShift: event.shiftKey,
      isTouch: event.pointerType === "touch",
    };
    const isPan = event.button === 1 || this.isSpaceDown;
    this.wasSpaceUsed ||= this.isSpaceDown;
    if (!isPan && event.button !== 0 && !isOtherButton(event)) return;
    const gesture = isPan ? startPan(press, this.#view) : currentTool(this.#view).press(press, this.#view);
    this.#setGesture({ pointerId: event.pointerId, gesture });
    if (isPan) hover.clear();
  }

  #move(event: PointerEvent): void {
    const { session, state } = this.#view;
    const position = this.#canvases.position(event);
    if (this.#touches.has(event.pointerId)) {
      this.#touches.set(event.pointerId, position.screen);
      if (this.#pinch) {
        this.#followPinch();
        return;
      }
    }
    const size = session.photo.value?.size;
    state.pointer.value = size && isInside(size, position.image) ? position.image : null;
    if (this.#gesture?.pointerId === event.pointerId) {
      const { gesture } = this.#gesture;
      const events = gesture.isFine ? (event.getCoalescedEvents?.() ?? []) : [];
      for (const before of events.slice(0, -1)) gesture.move(this.#canvases.position(before));
      gesture.move(position);
    } else {
      this.#showCursor(position);
      this.#preview(position, event.pointerType);
    }
  }

  #up(event: PointerEvent): void {
    this.#touches.delete(event.pointerId);
    if (this.#pinch) {
      if (this.#touches.size === 0) this.#pinch = null;
      return;
    }
    if (this.#gesture?.pointerId !== event.pointerId) return;
    const { gesture } = this.#gesture;
    this.#setGesture(null);
    gesture.end(this.#canvases.position(event), event.timeStamp);
    this.#showCursor(this.#canvases.position(event));
  }

  #lost(event: PointerEvent): void {
    this.#touches.delete(event.pointerId);
    if (this.#touches.size === 0) this.#pinch = null;
    if (this.#gesture?.pointerId === event.pointerId) this.cancel();
  }

  #leave(): void {
    this.#view.state.pointer.value = null;
    this.#view.hover.clear();
  }

  #setGesture(gesture: { pointerId: number; gesture: Gesture } | null): void {
    this.#gesture = gesture;
    this.#view.state.isGesturing.value = gesture !== null;
  }

  #preview(position: Position, pointerType: string): void {
    const { session, state, hover } = this.#view;
    const { settings } = session;
    const isWanted =
      pointerType !== "touch" &&
      settings.hover.value &&
      settings.tool.value === "include" &&
      !session.everything.isOpen.value &&
      session.status.value.phase === "ready" &&
      state.pointer.value !== null &&
      session.document.value.active === null &&
      !state.isTurning.value &&
      session.link.pending.value.length === 0;
    if (isWanted) hover.ask(position.image, 1);
    else hover.clear();
  }

  /** Shows the cursor of what a press at `position` would do. */
  #showCursor(position?: Position): void {
    const { session, state } = this.#view;
    const isChoosing = session.everything.isOpen.value;
    const tool = session.settings.tool.value;
    const hasPrompts = tool !== "pan" && !DRAWING_TOOLS.has(tool) && !isChoosing;
    const hit = position && hasPrompts ? promptAt(position.screen, this.#view) : null;
    const current = currentTool(this.#view);
    const own = position ? current.cursorAt?.(position, this.#view) : null;
    const cursor = isChoosing && state.pointedId.value === null ? "default" : (own ?? current.cursor);
    this.#canvases.element.style.cursor = state.isPanning.value ? "grabbing" : hit ? handleCursor(hit) : cursor;
  }

  #wheel(event: WheelEvent): void {
    const { session, state } = this.#view;
    const photo = session.photo.value;
    const isPinch = event.ctrlKey || event.metaKey;
    if (!photo) return;
    // The page scrolls where the wheel would only make the whole photo larger: Ctrl does that.
    const isZoomed = isLarger(state.viewport.value, photo.size, state.stageSize.value);
    const isZooming = isZoomed || event.timeStamp - this.#zoomed_ms < WHEEL_PAUSE_MS;
    if (!isPinch && !(state.hasFocus.value && isZooming)) return;
    event.preventDefault();
    if (!isPinch) this.#zoomed_ms = event.timeStamp;
    if (!isPinch && !isZoomed) return;
    const delta_px = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * WHEEL_LINE_PX : event.deltaY;
    const isFine = isPinch && Math.abs(delta_px) < 50;
    const factor = Math.exp(-delta_px * (isFine ? PINCH_RATE : WHEEL_RATE));
    const { screen } = this.#canvases.position(event);
    state.isFitted.value = false;
    state.viewport.value = zoomAt(state.viewport.value, factor, screen, photo.size, state.stageSize.value);
  }

  #measurePinch(): Pinch | null {
    const [a, b] = [...this.#touches.values()];
    return a && b ? { middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, spread: Math.max(1, distance(a, b)) } : null;
  }

  #followPinch(): void {
    const { session, state } = this.#view;
    const photo = session.photo.value;
    const now = this.#measurePinch();
    if (!now || !this.#pinch || !photo) return;
    const by = { x: now.middle.x - this.#pinch.middle.x, y: now.middle.y - this.#pinch.middle.y };
    const moved = panBy(state.viewport.value, by, photo.size, state.stageSize.value);
    state.isFitted.value = false;
    state.viewport.value = zoomAt(
      moved,
      now.spread / this.#pinch.spread,
      now.middle,
      photo.size,
      state.stageSize.value,
    );
    this.#pinch = now;
  }
}

/** The right button, or the other end of a pen. */
function isOtherButton({ button }: PointerEvent): boolean {
  return button === 2 || button === 5;
}
