// The two canvases (photo and masks below, prompts above), their size in device pixels and the one animation-frame
// loop, which draws only what has changed. Turns client coordinates into positions; knows no tools.

import type { ReadonlySignal } from "@preact/signals-core";

import { h, type Scope } from "../dom.ts";
import type { HoverPreview } from "../hover.ts";
import type { Session } from "../session.ts";
import type { ViewState } from "../state.ts";
import { boxBetween, type Extent, type Point, toImage } from "../viewport.ts";
import { drawCrosshair } from "./cursor.ts";
import type { DetailPixels } from "./detail.ts";
import { drawImage } from "./image.ts";
import { drawMasks, drawPreview } from "./masks.ts";
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

export class Stage {
  readonly element: HTMLElement;
  readonly #parts: StageParts;
  readonly #base: Surface;
  readonly #over: Surface;
  readonly #stillness = matchMedia("(prefers-reduced-motion: reduce)");
  #isBaseDirty = false;
  #isOverDirty = false;
  #frame = 0;
  #revision = 0;

  constructor(parts: StageParts, scope: Scope) {
    this.#parts = parts;
    const base = h("canvas", { class: "sw-canvas" });
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
      base,
      over,
    );
    this.#base = new Surface(base);
    this.#over = new Surface(over);
    this.#watchSize(base, scope);
    this.#watchState(scope);
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

  #watchSize(base: HTMLCanvasElement, scope: Scope): void {
    const observer = new ResizeObserver(([entry]) => {
      if (!entry) return;
      const css = { width: entry.contentRect.width, height: entry.contentRect.height };
      this.#resize(css, deviceExtent(entry, css));
    });
    try {
      observer.observe(base, { box: "device-pixel-content-box" });
    } catch {
      // Safari knows the content box only; the ratio is then rounded, not exact.
      observer.observe(base);
    }
    scope.onEnd(() => observer.disconnect());
  }

  #resize(css: Extent, device: Extent): void {
    const { stage } = this.#parts.state;
    const base = this.#base.resize(css, device);
    const over = this.#over.resize(css, device);
    if (css.width !== stage.value.width || css.height !== stage.value.height) stage.value = css;
    // Drawn at once: a resized canvas is blank, and the next frame may come after this one is shown.
    if (base || over) {
      this.#isBaseDirty = true;
      this.#isOverDirty = true;
      cancelAnimationFrame(this.#frame);
      this.#draw(performance.now());
    }
  }

  #watchState(scope: Scope): void {
    const { session, state, hover, detail } = this.#parts;
    scope.effect(() => {
      state.viewport.value;
      session.photo.value;
      session.document.value;
      session.masks.arrivals.value;
      session.settings.opacity.value;
      session.settings.threshold.value;
      detail.value;
      this.#invalidate("base");
    });
    scope.effect(() => {
      state.viewport.value;
      state.prompts.value;
      state.draft.value;
      state.crosshair.value;
      state.corner.value;
      session.photo.value;
      hover.preview.value;
      this.#invalidate("over");
    });
    scope.effect(() => {
      // What app.ts reports beyond the drawing.
      session.status.value;
      session.link.pending.value;
      session.settings.tool.value;
      this.#schedule();
    });
  }

  #invalidate(which: "base" | "over"): void {
    if (which === "base") this.#isBaseDirty = true;
    else this.#isOverDirty = true;
    this.#schedule();
  }

  #schedule(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame((at_ms) => this.#draw(at_ms));
  }

  #draw(at_ms: number): void {
    const { session, onFrame } = this.#parts;
    if (this.#isBaseDirty) this.#drawBase();
    if (this.#isOverDirty) this.#drawOver(at_ms);
    const isPulsing = session.link.pending.value.some(({ request }) => request.kind.endsWith("_point"));
    if (isPulsing && !this.#stillness.matches) this.#invalidate("over");
    onFrame({ revision: this.#revision });
  }

  #drawBase(): void {
    this.#isBaseDirty = false;
    const { session, state, detail } = this.#parts;
    const photo = session.photo.value;
    const view = state.viewport.value;
    this.#base.clear();
    if (!photo) return;
    drawImage(this.#base, view, photo, detail.value);
    const document = session.document.value;
    // While a new photo comes, the document may be ahead of it.
    if (document.image !== "" && document.image !== photo.id) return;
    const missing = drawMasks(this.#base, view, document, session.masks, {
      opacity: session.settings.opacity.value,
      threshold: session.settings.threshold.value,
    });
    if (missing === 0) this.#revision = document.revision;
  }

  #drawOver(at_ms: number): void {
    this.#isOverDirty = false;
    const { session, state, hover } = this.#parts;
    this.#over.clear();
    if (!session.photo.value) return;
    const { context } = this.#over;
    const view = state.viewport.value;
    if (hover.preview.value) drawPreview(this.#over, view, hover.preview.value);
    drawPrompts(context, view, state.prompts.value, this.#stillness.matches ? null : at_ms);
    const draft = state.draft.value;
    if (draft?.kind === "box") drawBox(context, view, draft.box, false);
    const crosshair = state.crosshair.value;
    const corner = state.corner.value;
    if (corner && crosshair) drawBox(context, view, boxBetween(corner, crosshair), false);
    if (crosshair) drawCrosshair(context, view, crosshair);
  }
}

function deviceExtent(entry: ResizeObserverEntry, css: Extent): Extent {
  const exact = entry.devicePixelContentBoxSize?.[0];
  if (exact) return { width: exact.inlineSize, height: exact.blockSize };
  return { width: Math.round(css.width * devicePixelRatio), height: Math.round(css.height * devicePixelRatio) };
}
