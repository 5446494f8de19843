// The objects of an earlier widget of this page: of the notebook as it was saved, of a kernel that is gone, or of a cell that
// has run again. The page still has their prompts, in the trait `document`; a new widget of the same image can make them again.

import { computed, type ReadonlySignal, signal } from "@preact/signals-core";

import type { Scope } from "./dom.ts";
import type { DocumentSummary, Request, SavedPrompt } from "./protocol.ts";

/** A message is not longer than this, of the 64 kB that the kernel reads. */
const MESSAGE_CHARACTERS_MAX = 60_000;

/** What the widgets of a page know of each other: as much as they need to find the one that came before. */
interface Known {
  readonly document: ReadonlySignal<DocumentSummary>;
  readonly presence: ReadonlySignal<string>;
  /** How many views are open. */
  readonly viewCount: ReadonlySignal<number>;
}

export interface Earlier {
  /** What can be made again. */
  prompts: SavedPrompt[];
  /** How many more objects there were, whose masks no prompt makes. */
  lostCount: number;
}

/** The widgets of this page, oldest first: the script runs once in a page. */
const widgets = signal<readonly Known[]>([]);

/**
 * Registers a widget until `scope` ends. The signal holds what an earlier one had, while this one has nothing; null where there
 * is no such widget, or where it is still in use: its kernel is there, and a view shows it.
 */
export function watchEarlier(own: Known, scope: Scope): ReadonlySignal<Earlier | null> {
  widgets.value = [...widgets.peek(), own];
  scope.onEnd(() => {
    widgets.value = widgets.peek().filter((widget) => widget !== own);
  });
  return computed(() => {
    const { image, objects, can_undo, can_redo } = own.document.value;
    const isNew = objects.length === 0 && !can_undo && !can_redo;
    if (!isNew || image === "" || own.presence.value !== "here") return null;
    const before = widgets.value.slice(0, widgets.value.indexOf(own)).filter((widget) => {
      const isInUse = widget.viewCount.value > 0 && widget.presence.value !== "absent";
      return widget.document.value.image === image && widget.document.value.objects.length > 0 && !isInUse;
    });
    const last = before.at(-1)?.document.value;
    if (!last) return null;
    const prompts = last.objects.flatMap(savedPrompt);
    return prompts.length > 0 ? { prompts, lostCount: last.objects.length - prompts.length } : null;
  });
}

/** The requests that make objects again: one, unless it would be too long. */
export function requestsOf(prompts: readonly SavedPrompt[]): Request[] {
  const parts: SavedPrompt[][] = [];
  let length = MESSAGE_CHARACTERS_MAX;
  for (const prompt of prompts) {
    length += JSON.stringify(prompt).length + 1;
    if (length > MESSAGE_CHARACTERS_MAX) {
      parts.push([]);
      length = JSON.stringify(prompt).length;
    }
    parts.at(-1)?.push(prompt);
  }
  return parts.map((objects) => ({ kind: "restore_objects", objects }));
}

function savedPrompt(object: DocumentSummary["objects"][number]): SavedPrompt[] {
  const { name, points, prompt_box: box, levels, visible, locked } = object;
  return levels ? [{ name, class: object.class, points, box, levels, visible, locked }] : [];
}
