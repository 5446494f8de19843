// The canvases, one above the other: the photo, the closed objects, the mask that is being corrected, and the overlay, which
// changes with each click. Owns their size in device pixels and the one animation-frame loop. Draws only the layers that
// have changed: without a GPU the photo alone takes 30 ms. What a layer shows is decided in layers.ts; gestures.ts takes the
// pointer's events.

import { computed, type ReadonlySignal, signal } from "@preact/signals-core";

import { h, type Scope } from "../dom.ts";
import type { View } from "../view.ts";
import { type Extent, type Position, toImage } from "../viewport.ts";
import type { DetailPixels } from "./detail.ts";
import { correctionsLayer, documentOnScreen, objectsLayer, overlayLayer, type Painting, photoLayer } from "./layers.ts";
import { Surface } from "./surface.ts";

/** A frame that was drawn. */
export interface Frame {
  /** The last revision of the document that is on the screen with all its masks; 0 before the first. */
  revision: number;
}

/** What is used of an event of the pointer or the wheel. */
type PointedEvent = Pick<PointerEvent, "clientX" | "clientY"> & Partial<Pick<PointerEvent, "pointerType" | "pressure">>;

/** A point pulses once its mask has taken this long: at 60 frames a second a pulse would delay the mask itself. */
const PULSE_AFTER_MS = 250;
const NOTHING: Extent = { width: 0, height: 0 };

interface Layer {
  surface: Surface;
  painting: Painting;
  /** The painting goes on from what is there. */
  isKept: boolean;
  isDirty: boolean;
  /** Masks that were to be drawn and had not arrived. */
  missing: number;
}

export class StageCanvases {
  readonly element: HTMLElement;
  /** The frame drawn last; null before the first. */
  readonly frame: ReadonlySignal<Frame | null>;
  readonly #view: View;
  readonly #layers: Record<"photo" | "objects" | "corrections" | "overlay", Layer>;
  readonly #frame = signal<Frame | null>(null);
  readonly #reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
  #isPulsing = false;
  #request = 0;
  #revision = 0;

  /** `detail` is the sharper picture of the part in view. */
  constructor(view: View, detail: ReadonlySignal<DetailPixels | null>, scope: Scope) {
    this.#view = view;
    this.frame = this.#frame;
    const transparent = { class: "sw-canvas sw-over", "aria-hidden": "true" };
    this.#layers = {
      photo: { ...blankLayer({ class: "sw-canvas" }), isKept: true },
      objects: { ...blankLayer(transparent), isKept: true },
      corrections: { ...blankLayer(transparent), isKept: true },
      overlay: blankLayer(transparent),
    };
    this.element = h(
      "div",
      {
        class: "sw-stage",
        "data-sw": "stage",
        // A right click excludes; JupyterLab would open its cell menu over the photo.
        "data-jp-suppress-context-menu": "true",
        tabindex: 0,
        role: "application",
        "aria-roledescription": "image",
        "aria-label": "Image. Arrow keys move a crosshair, Space places a point, question mark lists all keys.",
      },
      ...Object.values(this.#layers).map(({ surface }) => surface.canvas),
    );
    this.#watchSize(this.#layers.photo.surface.canvas, scope);
    this.#watchPaintings(detail, scope);
    this.#watchPendingPoints(scope);
    scope.onEnd(() => {
      cancelAnimationFrame(this.#request);
      // JupyterLab keeps each key event until one of its own shortcuts runs, and with it the elements of a closed view. Their
      // pixels, some MB, are given back now.
      for (const { surface } of Object.values(this.#layers)) surface.resize(NOTHING, NOTHING);
    });
  }

  /** Position of a pointer event. The division undoes a CSS transform around the widget, which scales the rectangle. */
  position({ clientX, clientY, pointerType, pressure }: PointedEvent): Position {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    const { stageSize, viewport } = this.#view.state;
    const screen = {
      x: ((clientX - left) * stageSize.value.width) / width,
      y: ((clientY - top) * stageSize.value.height) / height,
    };
    const position = { screen, image: toImage(viewport.value, screen) };
    return pointerType === "pen" && pressure !== undefined ? { ...position, pressure } : position;
  }

  /** Draws the layers that have changed with the browser's next frame. */
  requestFrame(): void {
    cancelAnimationFrame(this.#request);
    this.#request = requestAnimationFrame((now_ms) => this.#draw(now_ms));
  }

  #watchSize(canvas: HTMLCanvasElement, scope: Scope): void {
    const observer = new ResizeObserver(([entry]) => {
      if (!entry) return;
      const css = { width: entry.contentRect.width, height: entry.contentRect.height };
      this.#resize(css, deviceExtent(entry, css));
    });
    try {
      observer.observe(canvas, { box: "device-pixel-content-box" });
    } catch {
      // Safari knows the content box only; the ratio is then rounded, not exact.
      observer.observe(canvas);
    }
    scope.onEnd(() => observer.disconnect());
  }

  #resize(css: Extent, device: Extent): void {
    const { stageSize } = this.#view.state;
    let isBlank = false;
    for (const { surface } of Object.values(this.#layers)) isBlank = surface.resize(css, device) || isBlank;
    if (css.width !== stageSize.value.width || css.height !== stageSize.value.height) stageSize.value = css;
    // Drawn at once: a resized canvas is blank, and the browser may show it before the next frame.
    if (isBlank) {
      for (const layer of Object.values(this.#layers)) layer.isDirty = true;
      cancelAnimationFrame(this.#request);
      this.#draw(performance.now());
    }
  }

  #watchPaintings(detail: ReadonlySignal<DetailPixels | null>, scope: Scope): void {
    const { photo, objects, corrections, overlay } = this.#layers;
    const show = (layer: Layer, painting: ReadonlySignal<Painting>) =>
      scope.watch([painting], (next) => {
        layer.painting = next;
        this.#invalidate(layer);
      });
    show(photo, photoLayer(this.#view, detail));
    show(objects, objectsLayer(this.#view));
    show(corrections, correctionsLayer(this.#view));
    show(overlay, overlayLayer(this.#view));
    scope.watch([this.#view.session.masks.arrivals], () => {
      for (const layer of Object.values(this.#layers)) if (layer.missing > 0) this.#invalidate(layer);
    });
  }

  /** Points pulse while the kernel takes long to confirm them. */
  #watchPendingPoints(scope: Scope): void {
    const { pending } = this.#view.session.link;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const isWaiting = computed(() => pending.value.some(({ request }) => request.kind.endsWith("_point")));
    scope.watch([isWaiting], (isWaiting) => {
      clearTimeout(timer);
      this.#isPulsing = false;
      if (!isWaiting || this.#reducedMotion.matches) return;
      timer = setTimeout(() => {
        this.#isPulsing = true;
        this.#invalidate(this.#layers.overlay);
      }, PULSE_AFTER_MS);
    });
    scope.onEnd(() => clearTimeout(timer));
  }

  #invalidate(layer: Layer): void {
    layer.isDirty = true;
    this.requestFrame();
  }

  #draw(now_ms: number): void {
    let missing = 0;
    for (const layer of Object.values(this.#layers)) {
      if (layer.isDirty) {
        layer.isDirty = false;
        if (!layer.isKept) layer.surface.clear();
        layer.missing = layer.painting(layer.surface, this.#isPulsing ? now_ms : null);
      }
      missing += layer.missing;
    }
    const { document, photo } = this.#view.session;
    const drawn = documentOnScreen(document.value, photo.value);
    if (drawn && missing === 0) this.#revision = drawn.revision;
    if (this.#isPulsing) this.#invalidate(this.#layers.overlay);
    this.#frame.value = { revision: this.#revision };
  }
}

function blankLayer(attributes: Record<string, string>): Layer {
  return {
    surface: new Surface(h("canvas", attributes)),
    painting: () => 0,
    isKept: false,
    isDirty: false,
    missing: 0,
  };
}

function deviceExtent(entry: ResizeObserverEntry, css: Extent): Extent {
  const exact = entry.devicePixelContentBoxSize?.[0];
  if (exact) return { width: exact.inlineSize, height: exact.blockSize };
  return { width: Math.round(css.width * devicePixelRatio), height: Math.round(css.height * devicePixelRatio) };
}
