// The three canvases, one above the other: the photo, the closed objects, and what changes with each click (the active
// object, preview and prompts). Their size in device pixels, and the one animation-frame loop, which draws only what has
// changed: without a GPU the photo alone takes 30 ms. Turns client coordinates into positions; knows no tools.

import { computed, type ReadonlySignal } from "@preact/signals-core";

import { h, type Scope } from "../dom.ts";
import type { HoverPreview } from "../hover.ts";
import type { DocumentSummary } from "../protocol.ts";
import type { Photo, Session } from "../session.ts";
import type { ViewState } from "../state.ts";
import { boxBetween, type Extent, type Point, toImage, type Viewport } from "../viewport.ts";
import { drawCrosshair } from "./cursor.ts";
import type { DetailPixels } from "./detail.ts";
import { drawFound, drawPointed } from "./found.ts";
import { drawImage } from "./image.ts";
import { drawObjects, drawPreview, type MaskLook } from "./masks.ts";
import { drawBox, drawPrompts } from "./prompts.ts";
import { Surface } from "./surface.ts";

/** Where something happened. */
export interface Spot {
  /** CSS pixels from the stage's corner. */
  screen: Point;
  /** Image pixels; may lie outside the image. */
  image: Point;
}

export interface Frame {
  /** The last revision of the document that is on the screen with all its masks; 0 before the first. */
  revision: number;
}

interface StageParts {
  session: Session;
  state: ViewState;
  hover: HoverPreview;
  detail: ReadonlySignal<DetailPixels | null>;
  /** Called after each drawn frame. */
  onFrame: (frame: Frame) => void;
}

/** A point pulses once its answer has taken this long: at 60 frames a second a pulse would slow the answer itself. */
const PULSE_AFTER_MS = 250;

type Layer = "photo" | "objects" | "over";

export class Stage {
  readonly element: HTMLElement;
  readonly #parts: StageParts;
  readonly #surfaces: Record<Layer, Surface>;
  readonly #dirty = new Set<Layer>();
  /** Masks that were to be drawn and had not arrived. */
  readonly #missing = { objects: 0, over: 0 };
  readonly #stillness = matchMedia("(prefers-reduced-motion: reduce)");
  #isPulsing = false;
  #frame = 0;
  #revision = 0;

  constructor(parts: StageParts, scope: Scope) {
    this.#parts = parts;
    const photo = h("canvas", { class: "sw-canvas" });
    const objects = h("canvas", { class: "sw-canvas sw-over", "aria-hidden": "true" });
    const over = h("canvas", { class: "sw-canvas sw-over", "aria-hidden": "true" });
    this.element = h(
      "div",
      {
        class: "sw-stage",
        "data-sw": "stage",
        // A right click excludes; JupyterLab would open its cell menu over the photo.
        "data-jp-suppress-context-menu": "true",
        tabindex: 0,
        role: "application",
        "aria-roledescription": "photo",
        "aria-label": "Photo. Arrow keys move a crosshair, Space places a point, question mark lists all keys.",
      },
      photo,
      objects,
      over,
    );
    this.#surfaces = { photo: new Surface(photo), objects: new Surface(objects), over: new Surface(over) };
    this.#watchSize(photo, scope);
    this.#watchState(scope);
    this.#watchPending(scope);
    scope.onEnd(() => cancelAnimationFrame(this.#frame));
  }

  /** Position of a pointer event. A CSS transform around the widget scales the rectangle, hence the division. */
  spot(client: { clientX: number; clientY: number }): Spot {
    const rectangle = this.element.getBoundingClientRect();
    const { stage, viewport } = this.#parts.state;
    const screen = {
      x: ((client.clientX - rectangle.left) * stage.value.width) / rectangle.width,
      y: ((client.clientY - rectangle.top) * stage.value.height) / rectangle.height,
    };
    return { screen, image: toImage(viewport.value, screen) };
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
    const { stage } = this.#parts.state;
    let isBlank = false;
    for (const surface of Object.values(this.#surfaces)) isBlank = surface.resize(css, device) || isBlank;
    if (css.width !== stage.value.width || css.height !== stage.value.height) stage.value = css;
    // Drawn at once: a resized canvas is blank, and the next frame may come after this one is shown.
    if (isBlank) {
      for (const layer of ["photo", "objects", "over"] as const) this.#dirty.add(layer);
      cancelAnimationFrame(this.#frame);
      this.#draw(performance.now());
    }
  }

  #watchState(scope: Scope): void {
    const { session, state, hover, detail } = this.#parts;
    scope.effect(() => {
      state.viewport.value;
      session.photo.value;
      detail.value;
      this.#invalidate("photo");
    });
    // Text, so that a document in which only the active object has changed counts as unchanged.
    const closed = computed(() => {
      const { image, objects, active } = session.document.value;
      const shown = objects.filter(({ id, visible }) => visible && id !== active);
      return JSON.stringify([image, shown.map(({ mask, colour }) => [mask, colour])]);
    });
    scope.effect(() => {
      closed.value;
      session.findings.found.value;
      session.findings.kept.value;
      state.viewport.value;
      session.photo.value;
      session.settings.opacity.value;
      session.settings.threshold.value;
      this.#invalidate("objects");
    });
    scope.effect(() => {
      state.viewport.value;
      session.photo.value;
      session.document.value;
      session.settings.opacity.value;
      session.settings.threshold.value;
      state.prompts.value;
      state.draft.value;
      state.crosshair.value;
      state.corner.value;
      hover.preview.value;
      state.pointed.value;
      session.findings.isOpen.value;
      session.findings.kept.value;
      this.#invalidate("over");
    });
    scope.effect(() => {
      session.masks.arrivals.value;
      if (this.#missing.objects > 0) this.#invalidate("objects");
      if (this.#missing.over > 0) this.#invalidate("over");
    });
    scope.effect(() => {
      // What app.ts reports beyond the drawing.
      session.status.value;
      session.settings.tool.value;
      session.findings.phase.value;
      session.findings.progress.value;
      this.#schedule();
    });
  }

  /** Points whose answer is late pulse until it comes. */
  #watchPending(scope: Scope): void {
    const { session } = this.#parts;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const isWaiting = computed(() => session.link.pending.value.some(({ request }) => request.kind.endsWith("_point")));
    scope.effect(() => {
      clearTimeout(timer);
      this.#isPulsing = false;
      if (!isWaiting.value || this.#stillness.matches) return;
      timer = setTimeout(() => {
        this.#isPulsing = true;
        this.#invalidate("over");
      }, PULSE_AFTER_MS);
    });
    scope.effect(() => {
      session.link.pending.value;
      this.#schedule();
    });
    scope.onEnd(() => clearTimeout(timer));
  }

  #invalidate(layer: Layer): void {
    this.#dirty.add(layer);
    this.#schedule();
  }

  #schedule(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame((at_ms) => this.#draw(at_ms));
  }

  #draw(at_ms: number): void {
    const { photo } = this.#parts.session;
    for (const layer of this.#dirty) {
      this.#surfaces[layer].clear();
      if (!photo.value) continue;
      if (layer === "photo") this.#drawPhoto(photo.value);
      else if (layer === "objects") this.#drawClosed();
      else this.#drawOver(at_ms);
    }
    this.#dirty.clear();
    if (this.#document && this.#missing.objects + this.#missing.over === 0) this.#revision = this.#document.revision;
    if (this.#isPulsing) this.#invalidate("over");
    this.#parts.onFrame({ revision: this.#revision });
  }

  /** The document of the photo on the screen; null while a new photo comes and the document is ahead of it. */
  get #document(): DocumentSummary | null {
    const { session } = this.#parts;
    const document = session.document.value;
    const photo = session.photo.value;
    return photo && (document.image === "" || document.image === photo.id) ? document : null;
  }

  get #look(): MaskLook {
    const { opacity, threshold } = this.#parts.session.settings;
    return { opacity: opacity.value, threshold: threshold.value };
  }

  #drawPhoto(photo: Photo): void {
    const { state, detail } = this.#parts;
    drawImage(this.#surfaces.photo, state.viewport.value, photo, detail.value);
  }

  #drawClosed(): void {
    const { session, state } = this.#parts;
    const document = this.#document;
    const closed = document ? document.objects.filter(({ id }) => id !== document.active) : [];
    const view = state.viewport.value;
    this.#missing.objects = drawObjects(this.#surfaces.objects, view, closed, session.masks, this.#look, "closed");
    const { found, kept } = session.findings;
    if (found.value.length > 0) {
      drawFound(this.#surfaces.objects, view, found.value, kept.value, session.masks, this.#look);
    }
  }

  #drawOver(at_ms: number): void {
    const { session, state, hover } = this.#parts;
    const surface = this.#surfaces.over;
    const { context } = surface;
    const view = state.viewport.value;
    const document = this.#document;
    const active = document ? document.objects.filter(({ id }) => id === document.active) : [];
    this.#missing.over = drawObjects(surface, view, active, session.masks, this.#look, "active");
    if (hover.preview.value) drawPreview(surface, view, hover.preview.value);
    this.#drawPointed(surface, view);
    // Prompts cannot be moved while findings are open.
    if (!session.findings.isOpen.value) drawPrompts(context, view, state.prompts.value, this.#isPulsing ? at_ms : null);
    const draft = state.draft.value;
    if (draft?.kind === "box") drawBox(context, view, draft.box, false);
    const crosshair = state.crosshair.value;
    const corner = state.corner.value;
    if (corner && crosshair) drawBox(context, view, boxBetween(corner, crosshair), false);
    if (crosshair) drawCrosshair(context, view, crosshair);
  }

  #drawPointed(surface: Surface, view: Viewport): void {
    const { session, state } = this.#parts;
    const { found, kept } = session.findings;
    const pointed = found.value.find(({ id }) => id === state.pointed.value);
    const path = pointed && session.masks.path(pointed.mask, this.#look.threshold);
    if (path) drawPointed(surface, view, path, kept.value.has(pointed.id));
  }
}

function deviceExtent(entry: ResizeObserverEntry, css: Extent): Extent {
  const exact = entry.devicePixelContentBoxSize?.[0];
  if (exact) return { width: exact.inlineSize, height: exact.blockSize };
  return { width: Math.round(css.width * devicePixelRatio), height: Math.round(css.height * devicePixelRatio) };
}
