// Layer: the photo, and over it the sharper detail of the part in view.

import type { Photo } from "../session.ts";
import type { Viewport } from "../viewport.ts";
import type { DetailPixels } from "./detail.ts";
import type { Surface } from "./surface.ts";

/** Above this many CSS pixels for an image pixel, pixels are drawn as squares. */
const PIXELS_ABOVE = 4;

export function drawPhoto(surface: Surface, viewport: Viewport, photo: Photo, detail: DetailPixels | null): void {
  const { context } = surface;
  surface.toImage(viewport);
  context.imageSmoothingEnabled = viewport.scale <= PIXELS_ABOVE;
  // "high" takes three times as long without a GPU, and looks the same at these ratios.
  context.imageSmoothingQuality = "medium";
  context.drawImage(photo.bitmap, 0, 0, photo.size.width, photo.size.height);
  if (detail && detail.image === photo.id) {
    const [x0, y0, x1, y1] = detail.box;
    context.drawImage(detail.bitmap, x0, y0, x1 - x0, y1 - y0);
  }
  surface.toCss();
}
