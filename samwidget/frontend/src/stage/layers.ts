// What each canvas shows. A layer is a signal of a painting: it reads all the state that the painting uses, and has a new
// value exactly when the canvas must be painted again.

import { computed, type ReadonlySignal } from "@preact/signals-core";

import { NO_CORRECTIONS } from "../corrections.ts";
import { selectedCorner, shownPolygons } from "../outline.ts";
import type { DocumentSummary, ObjectSummary } from "../protocol.ts";
import type { Photo } from "../session.ts";
import type { View } from "../view.ts";
import { boxBetween } from "../viewport.ts";
import { CorrectionsPainter } from "./corrections.ts";
import { drawCrosshair } from "./crosshair.ts";
import type { DetailPixels } from "./detail.ts";
import { drawFoundObjects, drawPointed } from "./found_objects.ts";
import { drawCorners, drawLasso, drawPolygon, drawScribble } from "./lines.ts";
import { drawObjects, drawPreview } from "./masks.ts";
import { MovingPainter } from "./moving.ts";
import { drawNames } from "./names.ts";
import { drawPhoto } from "./photo.ts";
import { drawBox, drawPrompts } from "./prompts.ts";
import type { Surface } from "./surface.ts";

/**
 * Paints a surface, blank but for a kept layer; returns how many masks had not arrived. `pulse_ms` is the clock of pending
 * points, or null.
 */
export type Painting = (surface: Surface, pulse_ms: number | null) => number;

/** The document, if it belongs to the photo on the screen; null while the document is ahead of a new photo. */
export function documentOnScreen(document: DocumentSummary, photo: Photo | null): DocumentSummary | null {
  return photo && (document.image === "" || document.image === photo.id) ? document : null;
}

/** The photo, and over it the sharper detail of the part in view. */
export function photoLayer(
  { session, state }: View,
  detail: ReadonlySignal<DetailPixels | null>,
): ReadonlySignal<Painting> {
  const painter = new MovingPainter();
  return computed(() => {
    const photo = session.photo.value;
    const viewport = state.viewport.value;
    const pixels = detail.value;
    // At the end of a pan all is painted anew, exact to a part of a pixel.
    const content = [photo, pixels, state.isPanning.value];
    return (surface) =>
      painter.paint(surface, viewport, content, (viewport) => {
        if (photo) drawPhoto(surface, viewport, photo, pixels);
        return 0;
      });
  });
}

/** The objects that are not active, and the found objects. */
export function objectsLayer({ session, state }: View): ReadonlySignal<Painting> {
  const { masks, settings, everything } = session;
  const closed = closedObjects(session, state);
  const painter = new MovingPainter();
  return computed(() => {
    const photo = session.photo.value;
    const viewport = state.viewport.value;
    const objects = closed.value;
    const foundObjects = everything.foundObjects.value;
    const keptIds = everything.keptIds.value;
    const appearance = { opacity: settings.opacity.value, threshold: settings.threshold.value };
    const content = [photo, objects, foundObjects, keptIds, state.isPanning.value, ...Object.values(appearance)];
    return (surface) =>
      painter.paint(surface, viewport, content, (viewport, part) => {
        if (!photo) return 0;
        const missing = drawObjects(surface, viewport, objects, masks, appearance, "closed", part);
        drawFoundObjects(surface, viewport, foundObjects, keptIds, masks, appearance, part);
        return missing;
      });
  });
}

/** The mask that is being corrected; goes on from what it has painted before. */
export function correctionsLayer({ session, state }: View): ReadonlySignal<Painting> {
  const { masks, settings } = session;
  const painter = new CorrectionsPainter();
  return computed(() => {
    const viewport = state.viewport.value;
    const corrections = session.photo.value ? state.corrections.value : NO_CORRECTIONS;
    const newClass = session.document.value.classes.find(({ name }) => name === state.newClass.value);
    const appearance = {
      opacity: settings.opacity.value,
      threshold: settings.threshold.value,
      newColour: newClass?.colour,
    };
    return (surface) => painter.paint(surface, viewport, corrections, masks, appearance);
  });
}

/** The active and the pointed object, the preview, the prompts, a box being drawn, names and the crosshair. */
export function overlayLayer({ session, state, hover }: View): ReadonlySignal<Painting> {
  const { masks, settings, everything } = session;
  return computed(() => {
    const photo = session.photo.value;
    const viewport = state.viewport.value;
    const document = documentOnScreen(state.shownDocument.value, photo);
    // An object that is being corrected has its own layer.
    const correctedId = state.correctedId.value;
    const visible = document?.objects.filter(({ id, visible }) => visible && id !== correctedId) ?? [];
    const active = visible.filter(({ id }) => id === document?.active);
    const selected = visible.filter(({ id }) => id !== document?.active && state.selection.value.includes(id));
    const pointedObject = visible.filter(({ id }) => id === state.pointedObject.value);
    // The pointer stays over the active object while it is refined: its name would only be in the way.
    const isNamed = ({ id }: ObjectSummary) => id !== document?.active || id === state.pointedRow.value;
    const named = state.areNamesShown.value ? visible : pointedObject.filter(isNamed);
    const pointedId = state.pointedObject.value;
    const stage = state.stageSize.value;
    const appearance = { opacity: settings.opacity.value, threshold: settings.threshold.value };
    const preview = hover.preview.value;
    const pointed = everything.foundObjects.value.find(({ id }) => id === state.pointedId.value);
    const isPointedKept = pointed !== undefined && everything.keptIds.value.has(pointed.id);
    // Prompts cannot be moved while there are found objects to choose from.
    const outline = state.outline.value;
    const prompts = everything.isOpen.value || outline ? null : state.prompts.value;
    const draft = state.draft.value;
    const crosshair = state.crosshair.value;
    const corner = state.corner.value;
    const polygon = state.polygon.value;
    const scribbles = session.link.pending.value.flatMap(({ request }) =>
      request.kind === "scribble" ? [request] : [],
    );
    const nextCorner = polygon ? (crosshair ?? state.pointer.value) : null;
    return (surface, pulse_ms) => {
      if (!photo) return 0;
      const { context } = surface;
      // Their areas are on the canvas of the objects already.
      drawObjects(surface, viewport, selected, masks, { ...appearance, opacity: 0 }, "active");
      drawObjects(surface, viewport, pointedObject, masks, appearance, "pointed");
      const missing = drawObjects(surface, viewport, active, masks, appearance, "active");
      if (preview) drawPreview(surface, viewport, preview);
      const path = pointed && masks.path(pointed.mask, appearance.threshold);
      if (path) drawPointed(surface, viewport, path, isPointedKept);
      drawNames(context, viewport, named, pointedId, stage);
      if (prompts) drawPrompts(context, viewport, prompts, pulse_ms);
      if (draft?.kind === "box") drawBox(context, viewport, draft.box, false);
      if (draft?.kind === "lasso") drawLasso(context, viewport, draft);
      for (const { points, label } of scribbles) {
        const line = points.map(([x, y]) => ({ x, y }));
        drawScribble(context, viewport, line, label);
      }
      if (draft?.kind === "scribble") drawScribble(context, viewport, draft.points, draft.label);
      if (polygon) drawPolygon(context, viewport, polygon, nextCorner);
      if (outline) drawCorners(context, viewport, shownPolygons(outline), selectedCorner(outline));
      if (corner && crosshair) drawBox(context, viewport, boxBetween(corner, crosshair), false);
      if (crosshair) drawCrosshair(context, viewport, crosshair);
      return missing;
    };
  });
}

/** The visible objects that are not active; the same list until one of them looks different. */
function closedObjects(
  { photo }: View["session"],
  { shownDocument, correctedId }: View["state"],
): ReadonlySignal<readonly ObjectSummary[]> {
  let last: readonly ObjectSummary[] = [];
  let lastText = "";
  return computed(() => {
    const drawn = documentOnScreen(shownDocument.value, photo.value);
    const isClosed = ({ id, visible }: ObjectSummary) => visible && id !== drawn?.active && id !== correctedId.value;
    const objects = drawn?.objects.filter(isClosed) ?? [];
    const text = JSON.stringify(objects.map(({ mask, colour }) => [mask, colour]));
    if (text !== lastText) last = objects;
    lastText = text;
    return last;
  });
}
