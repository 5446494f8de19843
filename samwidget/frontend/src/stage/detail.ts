// The photo's own pixels of the part in view, asked for where the preview has fewer than the screen shows. One per view.

import { type ReadonlySignal, signal } from "@preact/signals-core";

import type { Scope } from "../dom.ts";
import { decodePixels } from "../photo.ts";
import type { Answer, Box } from "../protocol.ts";
import type { Photo, Session } from "../session.ts";
import type { ViewState } from "../state.ts";
import { visibleBox } from "../viewport.ts";

const ASK_AFTER_MS = 150;
const ANSWER_WITHIN_MS = 10_000;
/** More than any screen has across; keeps the answer below some 2 MB. */
const WIDTH_MAX = 4096;

export interface DetailPixels {
  image: string;
  box: Box;
  bitmap: ImageBitmap;
}

export function watchDetail(session: Session, state: ViewState, scope: Scope): ReadonlySignal<DetailPixels | null> {
  const detail = signal<DetailPixels | null>(null);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let onTheWay: string | null = null;

  const show = (next: DetailPixels | null) => {
    detail.value?.bitmap.close();
    detail.value = next;
  };

  const receive = async (id: string | null, answer: Answer) => {
    if (answer.kind !== "detail") return;
    const bitmap = await decodePixels(answer.bytes, answer.mime);
    if (id !== onTheWay || scope.signal.aborted) bitmap.close();
    else show({ image: answer.image, box: answer.box, bitmap });
  };

  const ask = () => {
    const photo = session.photo.value;
    if (!photo) return;
    const box = visibleBox(state.viewport.value, photo.size, state.stage.value);
    if (!box || !isCoarse(photo, state.viewport.value.scale) || covers(detail.value, photo, box)) return;
    const device = (box[2] - box[0]) * state.viewport.value.scale * devicePixelRatio;
    const width = Math.ceil(Math.min(WIDTH_MAX, device, box[2] - box[0]));
    onTheWay = session.request(
      { kind: "detail", box, width: Math.max(1, width) },
      { timeout_ms: ANSWER_WITHIN_MS, onAnswer: (answer) => void receive(onTheWay, answer).catch(() => show(null)) },
    );
  };

  /** The wanted part is here at the resolution that the screen can show. */
  const covers = (have: DetailPixels | null, photo: Photo, box: Box): boolean => {
    if (have?.image !== photo.id) return false;
    const perPixel = have.bitmap.width / (have.box[2] - have.box[0]);
    const needed = Math.min(1, state.viewport.value.scale * devicePixelRatio);
    const holds =
      have.box[0] <= box[0] + 1 && have.box[1] <= box[1] + 1 && have.box[2] >= box[2] - 1 && have.box[3] >= box[3] - 1;
    return holds && perPixel >= needed * 0.95;
  };

  scope.effect(() => {
    const photo = session.photo.value;
    state.viewport.value;
    state.stage.value;
    clearTimeout(timer);
    if (photo && isCoarse(photo, state.viewport.value.scale)) timer = setTimeout(ask, ASK_AFTER_MS);
  });
  scope.onEnd(() => {
    clearTimeout(timer);
    if (onTheWay !== null) session.link.forget(onTheWay);
    show(null);
  });
  return detail;
}

/** The screen could show more pixels of the photo than the preview has. */
function isCoarse(photo: Photo, scale: number): boolean {
  const previewPerPixel = photo.bitmap.width / photo.size.width;
  return previewPerPixel < 1 && scale * devicePixelRatio > previewPerPixel * 1.05;
}
