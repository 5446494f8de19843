// Traits as signals. Settings are written by both sides, and the last write wins; document, status and snapshot are
// written by the kernel and only read here. Pixels and requests are messages, not traits: see docs/protocol.md.

import type { AnyModel } from "@anywidget/types";
import { type ReadonlySignal, type Signal, signal } from "@preact/signals-core";

import type { Scope } from "./dom.ts";
import type { DocumentSummary, ImagesSummary, ModelsStatus, SessionStatus, Status } from "./protocol.ts";

/** In the order of the toolbar. */
export const TOOL_NAMES = [
  "select",
  "include",
  "exclude",
  "box",
  "scribble",
  "pan",
  "brush",
  "eraser",
  "lasso",
  "polygon",
  "outline",
] as const;
export type ToolName = (typeof TOOL_NAMES)[number];
/** These draw on the photo: the objects and prompts under the pointer are not theirs to take. */
export const DRAWING_TOOLS: ReadonlySet<ToolName> = new Set([
  "scribble",
  "brush",
  "eraser",
  "lasso",
  "polygon",
  "outline",
]);
export type ThemeName = "auto" | "light" | "dark";

export interface WidgetTraits {
  tool: ToolName;
  opacity: number;
  threshold: number;
  hover: boolean;
  theme: ThemeName;
  document: DocumentSummary;
  status: Status;
  models: ModelsStatus | null;
  saving: SessionStatus | null;
  images: ImagesSummary | null;
  _snapshot: DataView | ArrayBuffer | null;
  _documents_seen: number;
}

export type Model = AnyModel<WidgetTraits>;

export const THRESHOLD_MIN = -4;
export const THRESHOLD_MAX = 4;

const SAVE_AFTER_MS = 80;

export const EMPTY_DOCUMENT: DocumentSummary = {
  revision: 0,
  image: "",
  active: null,
  objects: [],
  candidates: [],
  classes: [],
  active_class: null,
  can_undo: false,
  can_redo: false,
};

const NO_STATUS: Status = { network: "", device: "", phase: "loading", elapsed_s: 0, encode_s: null, note: "" };

/** A setting: shown at once, saved a little later, so that a slider does not send a message for each step. */
export interface Setting<T> extends ReadonlySignal<T> {
  set(value: T): void;
  /** Saves a change now that would be saved later. */
  flush(): void;
}

export interface Settings {
  tool: Setting<ToolName>;
  opacity: Setting<number>;
  threshold: Setting<number>;
  hover: Setting<boolean>;
  theme: Setting<ThemeName>;
}

/** `onLost` is called where the host cannot save a setting, because the kernel is gone; the view keeps it. */
export function bindSettings(model: Model, scope: Scope, onLost: () => void): Settings {
  const bind = <K extends keyof WidgetTraits>(name: K, fallback: WidgetTraits[K], saveAfter_ms: number) =>
    bindSetting(model, name, fallback, saveAfter_ms, scope, onLost);
  return {
    tool: bind("tool", "include", 0),
    opacity: bind("opacity", 0.45, SAVE_AFTER_MS),
    threshold: bind("threshold", 0, SAVE_AFTER_MS),
    hover: bind("hover", true, 0),
    theme: bind("theme", "auto", 0),
  };
}

export function watchDocument(model: Model, scope: Scope): ReadonlySignal<DocumentSummary> {
  return watch(model, "document", EMPTY_DOCUMENT, scope);
}

/** In marimo, runs the cells that use the widget after each change: marimo does so only when the browser writes a trait. */
export function runMarimoCells(model: Model, document: ReadonlySignal<DocumentSummary>, scope: Scope): void {
  if (!customElements.get("marimo-anywidget")) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  scope.onChange([document], () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      model.set("_documents_seen", model.get("_documents_seen") + 1);
      model.save_changes();
    }, SAVE_AFTER_MS);
  });
  scope.onEnd(() => clearTimeout(timer));
}

export function watchStatus(model: Model, scope: Scope): ReadonlySignal<Status> {
  return watch(model, "status", NO_STATUS, scope);
}

/** Whether a view may choose the model, and the change to another one; null before the kernel has said so. */
export function watchModels(model: Model, scope: Scope): ReadonlySignal<ModelsStatus | null> {
  return watch(model, "models", null, scope);
}

/** Whether the session file holds every change; null without such a file. */
export function watchSessionFile(model: Model, scope: Scope): ReadonlySignal<SessionStatus | null> {
  return watch(model, "saving", null, scope);
}

/** The images of a folder, and which one is shown; null for one image. */
export function watchImages(model: Model, scope: Scope): ReadonlySignal<ImagesSummary | null> {
  return watch(model, "images", null, scope);
}

function bindSetting<K extends keyof WidgetTraits>(
  model: Model,
  name: K,
  fallback: WidgetTraits[K],
  saveAfter_ms: number,
  scope: Scope,
  onLost: () => void,
): Setting<WidgetTraits[K]> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  // While a change of this side waits to be saved, an older value from the kernel must not move the slider back.
  const value = watch(model, name, fallback, scope, () => timer === undefined);
  const save = () => {
    clearTimeout(timer);
    timer = undefined;
    model.set(name, value.value);
    try {
      model.save_changes();
    } catch {
      onLost();
    }
  };
  scope.onEnd(() => clearTimeout(timer));
  return Object.assign(value, {
    set(next: WidgetTraits[K]) {
      if (value.value === next) return;
      value.value = next;
      if (saveAfter_ms === 0) save();
      else timer ??= setTimeout(save, saveAfter_ms);
    },
    flush() {
      if (timer !== undefined) save();
    },
  });
}

function watch<K extends keyof WidgetTraits>(
  model: Model,
  name: K,
  fallback: WidgetTraits[K],
  scope: Scope,
  isAccepted: () => boolean = () => true,
): Signal<WidgetTraits[K]> {
  const value = signal(model.get(name) ?? fallback);
  const read = () => {
    if (isAccepted()) value.value = model.get(name) ?? fallback;
  };
  model.on(`change:${name}`, read);
  scope.onEnd(() => model.off(`change:${name}`, read));
  return value as Signal<WidgetTraits[K]>;
}
