// Pointers and wheel over the stage: mouse, pen and touch in one path, with capture. Decides whose a gesture is (the
// tool's, a pan, a pinch), keeps the pointer's position, and asks for hover previews.

import type { Scope } from "../dom.ts";
import { handleCursor, promptAt } from "../tools/handles.ts";
import { startPan } from "../tools/pan.ts";
import type { Desk, Gesture, Press, Tool } from "../tools/tool.ts";
import { distance, isInside, type Point, panBy, zoomAt } from "../viewport.ts";
import type { Spot, Stage } from "./stage.ts";

/** One notch of a mouse wheel is 100 to 120 CSS pixels. */
const WHEEL_RATE = 0.0016;
/** A trackpad pinch arrives as a Ctrl + wheel of small steps. */
const PINCH_RATE = 0.01;
const WHEEL_LINE_PX = 16;

interface Pinch {
  middle: Point;
  spread: number;
}

export class Gestures {
  /** The space bar is down: the next drag pans. */
  isSpaceDown = false;
  /** The space bar was used for a pan: letting go of it is not a key press. */
  wasSpaceUsed = false;

  readonly #stage: Stage;
  readonly #desk: Desk;
  readonly #tool: () => Tool;
  readonly #touches = new Map<number, Point>();
  #gesture: { pointerId: number; gesture: Gesture } | null = null;
  #pinch: Pinch | null = null;

  /** `tool` is the one in hand. */
  constructor(stage: Stage, desk: Desk, tool: () => Tool, scope: Scope) {
    this.#stage = stage;
    this.#desk = desk;
    this.#tool = tool;
    const { element } = stage;
    scope.listen(element, "pointerdown", (event) => this.#down(event));
    scope.listen(element, "pointermove", (event) => this.#move(event));
    scope.listen(element, "pointerup", (event) => this.#up(event));
    scope.listen(element, "pointercancel", (event) => this.#lost(event));
    scope.listen(element, "lostpointercapture", (event) => this.#lost(event));
    scope.listen(element, "pointerleave", () => this.#leave());
    scope.listen(element, "contextmenu", (event) => event.preventDefault());
    // The middle button must not start the browser's scrolling, nor a drag the selection of text.
    scope.listen(element, "mousedown", (event) => event.preventDefault());
    scope.listen(element, "wheel", (event) => this.#wheel(event), { passive: false });
    scope.effect(() => this.#showCursor());
    scope.onEnd(() => this.cancel());
  }

  /** Ends the gesture without its effect; false where there was none. */
  cancel(): boolean {
    const had = this.#gesture !== null;
    this.#gesture?.gesture.cancel();
    this.#setGesture(null);
    return had;
  }

  #down(event: PointerEvent): void {
    const { session, state, hover } = this.#desk;
    this.#stage.element.focus({ preventScroll: true });
    state.crosshair.value = null;
    state.corner.value = null;
    const spot = this.#stage.spot(event);
    if (event.pointerType === "touch") {
      this.#touches.set(event.pointerId, spot.screen);
      if (this.#touches.size === 2) {
        this.cancel();
        this.#pinch = this.#measurePinch();
      }
    }
    if (this.#gesture || this.#pinch || !session.photo.value) return;
    this.#stage.element.setPointerCapture(event.pointerId);
    const press: Press = {
      ...spot,
      isSecondary: event.button === 2 || event.altKey || event.ctrlKey,
      hasShift: event.shiftKey,
      isTouch: event.pointerType === "touch",
    };
    const isPan = event.button === 1 || this.isSpaceDown;
    this.wasSpaceUsed ||= this.isSpaceDown;
    if (!isPan && event.button !== 0 && event.button !== 2) return;
    const gesture = isPan ? startPan(press, this.#desk) : this.#tool().press(press, this.#desk);
    this.#setGesture({ pointerId: event.pointerId, gesture });
    if (isPan) hover.clear();
  }

  #move(event: PointerEvent): void {
    const { session, state } = this.#desk;
    const spot = this.#stage.spot(event);
    if (this.#touches.has(event.pointerId)) {
      this.#touches.set(event.pointerId, spot.screen);
      if (this.#pinch) {
        this.#followPinch();
        return;
      }
    }
    const size = session.photo.value?.size;
    state.pointer.value = size && isInside(size, spot.image) ? spot.image : null;
    if (this.#gesture?.pointerId === event.pointerId) {
      this.#gesture.gesture.move(spot);
    } else {
      this.#showCursor(spot);
      this.#preview(spot, event.pointerType);
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
    gesture.end(this.#stage.spot(event), event.timeStamp);
    this.#showCursor(this.#stage.spot(event));
  }

  #lost(event: PointerEvent): void {
    this.#touches.delete(event.pointerId);
    if (this.#touches.size === 0) this.#pinch = null;
    if (this.#gesture?.pointerId === event.pointerId) this.cancel();
  }

  #leave(): void {
    this.#desk.state.pointer.value = null;
    this.#desk.hover.clear();
  }

  #setGesture(gesture: { pointerId: number; gesture: Gesture } | null): void {
    this.#gesture = gesture;
    this.#desk.state.isGesturing.value = gesture !== null;
  }

  #preview(spot: Spot, pointerType: string): void {
    const { session, state, hover } = this.#desk;
    const { settings } = session;
    const isWanted =
      pointerType !== "touch" &&
      settings.hover.value &&
      settings.tool.value === "include" &&
      !session.findings.isOpen.value &&
      session.status.value.phase === "ready" &&
      state.pointer.value !== null &&
      session.document.value.active === null &&
      session.link.pending.value.length === 0;
    if (isWanted) hover.ask(spot.image, 1);
    else hover.clear();
  }

  /** The cursor for what a press here would do. */
  #showCursor(spot?: Spot): void {
    const { session, state } = this.#desk;
    const isFinding = session.findings.isOpen.value;
    const isPan = session.settings.tool.value === "pan";
    const hit = spot && !isPan && !isFinding ? promptAt(spot.screen, this.#desk) : null;
    const free = isFinding && state.pointed.value === null ? "default" : this.#tool().cursor;
    this.#stage.element.style.cursor = state.isPanning.value ? "grabbing" : hit ? handleCursor(hit) : free;
  }

  #wheel(event: WheelEvent): void {
    const { session, state } = this.#desk;
    const photo = session.photo.value;
    const isPinch = event.ctrlKey || event.metaKey;
    if (!photo || !(isPinch || state.hasFocus.value)) return;
    event.preventDefault();
    const delta_px = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * WHEEL_LINE_PX : event.deltaY;
    const isFine = isPinch && Math.abs(delta_px) < 50;
    const factor = Math.exp(-delta_px * (isFine ? PINCH_RATE : WHEEL_RATE));
    const { screen } = this.#stage.spot(event);
    state.isFitted.value = false;
    state.viewport.value = zoomAt(state.viewport.value, factor, screen, photo.size, state.stage.value);
  }

  #measurePinch(): Pinch | null {
    const [a, b] = [...this.#touches.values()];
    return a && b ? { middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, spread: Math.max(1, distance(a, b)) } : null;
  }

  #followPinch(): void {
    const { session, state } = this.#desk;
    const photo = session.photo.value;
    const now = this.#measurePinch();
    if (!now || !this.#pinch || !photo) return;
    const by = { x: now.middle.x - this.#pinch.middle.x, y: now.middle.y - this.#pinch.middle.y };
    const moved = panBy(state.viewport.value, by, photo.size, state.stage.value);
    state.isFitted.value = false;
    state.viewport.value = zoomAt(moved, now.spread / this.#pinch.spread, now.middle, photo.size, state.stage.value);
    this.#pinch = now;
  }
}
