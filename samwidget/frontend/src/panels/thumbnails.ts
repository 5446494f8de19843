// The small pictures in the rows of the list: the part of the photo around an object, with its mask. Drawn where there are
// classes, for the rows in sight, a few in each frame, and only those that look different from before.

import type { Scope } from "../dom.ts";
import type { ObjectSummary } from "../protocol.ts";
import type { Photo } from "../session.ts";
import type { View } from "../view.ts";
import { SmallCopy } from "./small_copy.ts";

/** CSS pixels. */
const SIDE_PX = 34;
/** Room around the mask, part of its size. */
const MARGIN = 0.16;
/** A larger part of the photo is drawn from a small copy: reducing much of a large photo costs 10 ms. */
const PART_MAX = 512;
const COPY_SIDE_MAX = 640;
/** Time for pictures in one frame, so that the frame stays on time. */
const BUDGET_MS = 5;
/** After the threshold has moved, the pictures follow when it rests. */
const AFTER_THRESHOLD_MS = 200;

/** Rows above and below those in sight that have their pictures, too: they are there before the list has scrolled. */
const SPARE_ROWS = 4;

/** Keeps the pictures of `rows` up to date, which `scroller` scrolls; `pictureOf` gives the canvas of an object's row. */
export function watchThumbnails(
  { session, state }: View,
  scope: Scope,
  scroller: HTMLElement,
  rows: HTMLElement,
  pictureOf: (id: number) => HTMLCanvasElement | undefined,
): void {
  const drawn = new WeakMap<HTMLCanvasElement, string>();
  const copy = new SmallCopy(COPY_SIDE_MAX);
  let frame = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const draw = () => {
    const photo = session.photo.value;
    if (!photo || session.document.value.classes.length === 0) return;
    const threshold = session.settings.threshold.value;
    const end_ms = performance.now() + BUDGET_MS;
    const [from, to] = rowsInSight(scroller, rows);
    for (const object of state.listed.value.slice(from, to)) {
      const picture = pictureOf(object.id);
      const key = [photo.id, object.mask, object.colour, threshold, devicePixelRatio].join();
      if (!picture || drawn.get(picture) === key) continue;
      const path = session.masks.path(object.mask, threshold);
      if (!path) continue;
      drawThumbnail(picture, object, path, photo, copy);
      drawn.set(picture, key);
      if (performance.now() < end_ms) continue;
      frame = requestAnimationFrame(draw);
      return;
    }
  };
  const request = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  };
  scope.watch([state.listed, session.masks.arrivals, session.photo, state.stageSize], request);
  scope.listen(scroller, "scroll", request, { passive: true });
  scope.onChange([session.settings.threshold], () => {
    clearTimeout(timer);
    timer = setTimeout(request, AFTER_THRESHOLD_MS);
  });
  scope.onEnd(() => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
  });
}

/** The first row in sight, and the one behind the last; all rows where they have no layout. */
function rowsInSight(scroller: HTMLElement, rows: HTMLElement): [number, number] {
  const height = rows.querySelector("li")?.offsetHeight ?? 0;
  if (height === 0) return [0, Number.POSITIVE_INFINITY];
  const from = Math.floor(scroller.scrollTop / height) - SPARE_ROWS;
  return [Math.max(0, from), Math.ceil((scroller.scrollTop + scroller.clientHeight) / height) + SPARE_ROWS];
}

function drawThumbnail(picture: HTMLCanvasElement, object: ObjectSummary, path: Path2D, photo: Photo, copy: SmallCopy) {
  const context = picture.getContext("2d");
  if (!context) return;
  const side = Math.round(SIDE_PX * Math.max(1, devicePixelRatio));
  picture.width = side;
  picture.height = side;
  const [x0, y0, x1, y1] = object.box ?? [0, 0, photo.size.width, photo.size.height];
  const part = Math.max(x1 - x0, y1 - y0, 8) * (1 + 2 * MARGIN);
  const scale = side / part;
  context.setTransform(scale, 0, 0, scale, -((x0 + x1 - part) / 2) * scale, -((y0 + y1 - part) / 2) * scale);
  context.imageSmoothingQuality = "medium";
  const { width, height } = photo.size;
  context.drawImage(part > PART_MAX ? copy.of(photo) : photo.bitmap, 0, 0, width, height);
  context.globalAlpha = 0.45;
  context.fillStyle = object.colour;
  context.fill(path, "evenodd");
  context.globalAlpha = 1;
  context.strokeStyle = object.colour;
  context.lineWidth = (1.2 * side) / SIDE_PX / scale;
  context.stroke(path);
}
