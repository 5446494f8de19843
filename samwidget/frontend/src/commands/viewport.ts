// Commands that change which part of the photo is on the screen. They send nothing to the kernel.

import type { Scope } from "../dom.ts";
import type { View } from "../view.ts";
import {
  clamp,
  type Extent,
  fitted,
  type Point,
  panBy,
  scaleAt,
  toScreen,
  type Viewport,
  zoomAt,
} from "../viewport.ts";

export function fitPhoto({ session, state }: View): void {
  const photo = session.photo.value;
  if (!photo) return;
  state.isFitted.value = true;
  state.viewport.value = fitted(photo.size, state.stageSize.value);
}

export function zoom(view: View, factor: number): void {
  changeViewport(view, (viewport, about, size, stage) => zoomAt(viewport, factor, about, size, stage));
}

/** Shows one image pixel as one CSS pixel. */
export function oneToOne(view: View): void {
  changeViewport(view, (viewport, about, size, stage) => scaleAt(viewport, 1, about, size, stage));
}

/** Moves the photo by CSS pixels. */
export function pan(view: View, by: Point): void {
  changeViewport(view, (viewport, _, size, stage) => panBy(viewport, by, size, stage));
}

/** Applies `change` about the crosshair, or else about the middle of the stage. */
function changeViewport(
  { session, state }: View,
  change: (viewport: Viewport, about: Point, size: Extent, stage: Extent) => Viewport,
): void {
  const photo = session.photo.value;
  if (!photo) return;
  const viewport = state.viewport.value;
  const stage = state.stageSize.value;
  const crosshair = state.crosshair.value;
  const about = crosshair ? toScreen(viewport, crosshair) : { x: stage.width / 2, y: stage.height / 2 };
  state.isFitted.value = false;
  state.viewport.value = change(viewport, about, photo.size, stage);
}

/** Fits each new photo; keeps it fitted while the cell changes its size, until the user zooms or pans. */
export function keepFitted({ session, state }: View, scope: Scope): void {
  let lastId: string | null = null;
  scope.watch([session.photo, state.stageSize], (photo, stage) => {
    if (!photo || stage.width === 0 || stage.height === 0) return;
    if (photo.id !== lastId) state.isFitted.value = true;
    lastId = photo.id;
    const viewport = state.viewport.value;
    state.viewport.value = state.isFitted.value ? fitted(photo.size, stage) : clamp(viewport, photo.size, stage);
  });
}
