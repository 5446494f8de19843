// The full-size pixels of the part in view, requested where the photo that the kernel sent has fewer than the screen can
// show. One for each view.

import { type ReadonlySignal, signal } from "@preact/signals-core";

import type { Scope } from "../dom.ts";
import { decodePixels } from "../photo.ts";
import type { Box, Reply } from "../protocol.ts";
import type { Photo } from "../session.ts";
import type { View } from "../view.ts";
import { visibleBox } from "../viewport.ts";

const ASK_AFTER_MS = 150;
const REPLY_WITHIN_MS = 10_000;
/** More than any screen is wide; keeps a message below some 2 MB. */
const WIDTH_MAX = 4096;

export interface DetailPixels {
  image: string;
  box: Box;
  bitmap: ImageBitmap;
}

export function watchDetail({ session, state }: View, scope: Scope): ReadonlySignal<DetailPixels | null> {
  const detail = signal<DetailPixels | null>(null);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let requestId: string | null = null;

  const show = (next: DetailPixels | null) => {
    detail.value?.bitmap.close();
    detail.value = next;
  };

  const receive = async (id: string | null, message: Reply) => {
    if (message.kind !== "detail") return;
    const bitmap = await decodePixels(message.bytes, message.mime);
    if (id !== requestId || scope.signal.aborted) bitmap.close();
    else show({ image: message.image, box: message.box, bitmap });
  };

  const ask = () => {
    const photo = session.photo.value;
    if (!photo) return;
    const box = visibleBox(state.viewport.value, photo.size, state.stageSize.value);
    if (!box || !isCoarse(photo, state.viewport.value.scale) || covers(detail.value, photo, box)) return;
    const device = (box[2] - box[0]) * state.viewport.value.scale * devicePixelRatio;
    const width = Math.ceil(Math.min(WIDTH_MAX, device, box[2] - box[0]));
    requestId = session.request(
      { kind: "detail", box, width: Math.max(1, width) },
      { timeout_ms: REPLY_WITHIN_MS, onReply: (message) => void receive(requestId, message).catch(() => show(null)) },
    );
  };

  /** Whether `loaded` holds the part in view at the resolution that the screen can show. */
  const covers = (loaded: DetailPixels | null, photo: Photo, box: Box): boolean => {
    if (loaded?.image !== photo.id) return false;
    const perPixel = loaded.bitmap.width / (loaded.box[2] - loaded.box[0]);
    const perPixelNeeded = Math.min(1, state.viewport.value.scale * devicePixelRatio);
    const holds =
      loaded.box[0] <= box[0] + 1 &&
      loaded.box[1] <= box[1] + 1 &&
      loaded.box[2] >= box[2] - 1 &&
      loaded.box[3] >= box[3] - 1;
    return holds && perPixel >= perPixelNeeded * 0.95;
  };

  scope.watch([session.photo, state.viewport, state.stageSize], (photo, viewport) => {
    clearTimeout(timer);
    if (photo && isCoarse(photo, viewport.scale)) timer = setTimeout(ask, ASK_AFTER_MS);
  });
  scope.onEnd(() => {
    clearTimeout(timer);
    if (requestId !== null) session.link.forget(requestId);
    show(null);
  });
  return detail;
}

/** The screen could show more pixels of the photo than the preview has. */
function isCoarse(photo: Photo, scale: number): boolean {
  const previewPerPixel = photo.bitmap.width / photo.size.width;
  return previewPerPixel < 1 && scale * devicePixelRatio > previewPerPixel * 1.05;
}
