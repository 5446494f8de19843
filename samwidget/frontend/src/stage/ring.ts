// The ring under the pointer: how large the brush is. An element, not a drawing: the browser moves it without painting any
// canvas. White with a dark edge, so that it shows on any photo; dashed where it takes away.

import { signal } from "@preact/signals-core";

import { brushSize, hasBrush } from "../commands/drawing.ts";
import { h, type Scope } from "../dom.ts";
import type { View } from "../view.ts";
import { type Point, toScreen } from "../viewport.ts";
import type { StageCanvases } from "./canvases.ts";

/** A smaller ring would not be seen, CSS pixels. */
const SIZE_MIN_PX = 6;

export function addRing(canvases: StageCanvases, view: View, scope: Scope): void {
  const { session, state } = view;
  const ring = h("div", { class: "sw-ring", "aria-hidden": "true", hidden: true });
  /** Where the pointer is, CSS pixels; null where there is none. */
  const at = signal<Point | null>(null);
  const isOther = signal(false);
  const follow = (event: PointerEvent) => {
    // A finger covers the ring, and leaves none behind.
    const isSeen = event.pointerType !== "touch" || event.buttons > 0;
    at.value = isSeen ? canvases.position(event).screen : null;
    if (!state.isGesturing.value || event.type === "pointerdown") {
      isOther.value = event.altKey || event.ctrlKey || (event.buttons & 2) !== 0;
    }
  };
  for (const type of ["pointerdown", "pointermove", "pointerup"] as const) scope.listen(canvases.element, type, follow);
  for (const type of ["pointerleave", "pointercancel"] as const) {
    scope.listen(canvases.element, type, () => {
      at.value = null;
    });
  }
  for (const type of ["keydown", "keyup"] as const) {
    scope.listen(view.root, type, ({ altKey }) => {
      if (!state.isGesturing.value) isOther.value = altKey;
    });
  }
  scope.effect(() => {
    const viewport = state.viewport.value;
    const crosshair = state.crosshair.value;
    const middle = crosshair ? toScreen(viewport, crosshair) : at.value;
    const isShown = middle !== null && hasBrush(view) && session.photo.value !== null && !state.isPanning.value;
    if (ring.hidden === isShown) ring.hidden = !isShown;
    if (!isShown) return;
    const stroke = state.stroke.value;
    const diameter = stroke ? 2 * stroke.radius : brushSize(view);
    const size = Math.max(SIZE_MIN_PX, diameter * viewport.scale);
    ring.style.width = `${size}px`;
    ring.style.height = `${size}px`;
    ring.style.transform = `translate(${middle.x - size / 2}px, ${middle.y - size / 2}px)`;
    const isErasing = (session.settings.tool.value === "eraser") !== isOther.value;
    ring.classList.toggle("sw-erasing", isErasing);
  });
  canvases.element.append(ring);
}
