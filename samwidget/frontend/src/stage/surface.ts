// A canvas whose backing store has one pixel for each device pixel; its drawing coordinates are CSS pixels.

import type { Extent, Point, Viewport } from "../viewport.ts";

export class Surface {
  readonly context: CanvasRenderingContext2D;
  #ratio = 1;

  constructor(readonly canvas: HTMLCanvasElement) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser has no 2D canvas");
    this.context = context;
  }

  /** Fits the backing store to `device` pixels; false where it already did. */
  resize(css: Extent, device: Extent): boolean {
    this.#ratio = css.width > 0 ? device.width / css.width : 1;
    if (this.canvas.width === device.width && this.canvas.height === device.height) return false;
    this.canvas.width = device.width;
    this.canvas.height = device.height;
    return true;
  }

  /** Device pixels for one CSS pixel. */
  get ratio(): number {
    return this.#ratio;
  }

  /** Image pixels to device pixels: device = image * scale + (x, y). */
  pixels({ scale, x, y }: Viewport): Viewport {
    return { scale: this.#ratio * scale, x: this.#ratio * x, y: this.#ratio * y };
  }

  /** The inverse of `pixels`. */
  viewport({ scale, x, y }: Viewport): Viewport {
    return { scale: scale / this.#ratio, x: x / this.#ratio, y: y / this.#ratio };
  }

  /** Moves what is on the canvas by whole device pixels; what comes into sight is blank. */
  shift(dx: number, dy: number): void {
    const { context, canvas } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "copy";
    context.drawImage(canvas, dx, dy);
    context.globalCompositeOperation = "source-over";
    this.toCss();
  }

  /** Calls `paint`, which paints inside this part of the canvas only, device pixels. */
  clip({ x, y, width, height }: Extent & Point, paint: () => void): void {
    const { context } = this;
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    paint();
    context.restore();
  }

  clear(): void {
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.toCss();
  }

  /** One unit is a CSS pixel. */
  toCss(): void {
    this.context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
  }

  /** One unit is an image pixel. */
  toImage(viewport: Viewport): void {
    const { scale, x, y } = this.pixels(viewport);
    this.context.setTransform(scale, 0, 0, scale, x, y);
  }
}
