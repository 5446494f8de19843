// A small copy of the photo, made once: reducing the whole photo for each small picture costs 10 ms.

import type { Photo } from "../session.ts";
import { longerSide } from "../viewport.ts";

export class SmallCopy {
  readonly #canvas = document.createElement("canvas");
  #photo: Photo | null = null;

  /** `veil` is a colour that lies over the copy. */
  constructor(
    readonly sideMax: number,
    readonly veil: string | null = null,
  ) {}

  of(photo: Photo): HTMLCanvasElement {
    const context = this.#canvas.getContext("2d");
    if (this.#photo === photo || !context) return this.#canvas;
    this.#photo = photo;
    const scale = Math.min(1, this.sideMax / longerSide(photo.size));
    this.#canvas.width = Math.max(1, Math.round(photo.size.width * scale));
    this.#canvas.height = Math.max(1, Math.round(photo.size.height * scale));
    context.imageSmoothingQuality = "medium";
    context.drawImage(photo.bitmap, 0, 0, this.#canvas.width, this.#canvas.height);
    if (this.veil) {
      context.fillStyle = this.veil;
      context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    }
    return this.#canvas;
  }
}
