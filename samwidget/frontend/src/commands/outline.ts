// Commands of the tool *outline*: asks the kernel for the corners of the active object, and keeps or drops what was done to
// them. What was done is kept by whatever the user does next, but for Escape.

import { computed } from "@preact/signals-core";

import type { Scope } from "../dom.ts";
import { isChanged, keepRequest, newOutline, type Outline, withoutCorner } from "../outline.ts";
import type { View } from "../view.ts";

/** Whether the tool is in use. */
export function isOutlining({ session }: View): boolean {
  return session.settings.tool.value === "outline" && !session.everything.isOpen.value;
}

/** Keeps the outline of the active object at hand while the tool is in use. */
export function watchOutline(view: View, scope: Scope): void {
  const { session, state } = view;
  const { outline } = state;
  view.beforeRequest = () => keepOutline(view);
  /** What the corners belong to; empty where none are wanted. */
  const wanted = computed(() => {
    const { value: active } = state.active;
    if (
      !isOutlining(view) ||
      state.isTurning.value ||
      !active ||
      active.locked ||
      !active.visible ||
      !session.photo.value
    )
      return "";
    return JSON.stringify([active.id, active.mask, session.settings.threshold.value]);
  });
  let shownKey = "";
  const ask = (key: string) => {
    const active = state.active.value;
    if (!active || session.link.pending.value.length > 0) return;
    shownKey = key;
    const { id: object, mask } = active;
    session.request(
      { kind: "polygons", object },
      {
        onReply: (reply) => {
          if (reply.kind !== "polygons" || wanted.value !== key) return;
          const detail = outline.value?.object === object ? outline.value.detail : null;
          outline.value = newOutline({ object, mask, polygons: reply.polygons }, detail, state.viewport.value.scale);
        },
      },
    );
  };
  scope.watch([wanted, session.link.pending], (key, pending) => {
    if (key === shownKey || pending.length > 0) return;
    if (outline.value && isChanged(outline.value)) {
      const { value: active } = state.active;
      if (outline.value.isSent && key !== "" && active?.id === outline.value.object) {
        // The mask that was sent is here; meanwhile the user has gone on with its corners.
        outline.value = { ...outline.value, mask: active.mask, isSent: false };
        shownKey = key;
        return;
      }
      // Only the outline of the present mask can be kept: elsewhere the object was changed meanwhile, or it is gone.
      if (isOfPresentMask(view, outline.value)) {
        keepOutline(view);
        return;
      }
      session.failure.value = {
        code: "outline_changed",
        message: "The object was changed elsewhere while its outline was edited here.",
        hint: "The outline is shown anew.",
      };
    }
    shownKey = "";
    const next = key === "" ? null : state.active.value?.id;
    // The corners stay on the screen until those of the new mask come.
    if (outline.value?.object !== next) outline.value = null;
    else if (outline.value) outline.value = asSaved(outline.value);
    if (key !== "") ask(key);
  });
}

/** Makes the outline the object's mask; false where nothing was done to it. */
export function keepOutline(view: View): boolean {
  const { outline } = view.state;
  const drawn = outline.value;
  if (!drawn || !isChanged(drawn)) return false;
  // First, since the request is another change that would keep the outline.
  outline.value = { ...asSaved(drawn), isSent: true };
  view.request(keepRequest(drawn), performance.now(), (isDone) => {
    if (!isDone && outline.value?.object === drawn.object) outline.value = drawn;
  });
  return true;
}

/** Leaves the mask as it was; false where nothing was done to its outline. */
export function dropOutline({ state }: View): boolean {
  const drawn = state.outline.value;
  if (!drawn || !isChanged(drawn)) return false;
  state.outline.value = { ...drawn, ...drawn.saved, selected: null, before: null };
  return true;
}

/** Takes the last edit of the outline back; false where there is none. */
export function undoOutline(view: View): boolean {
  const { outline } = view.state;
  const before = outline.value?.before;
  if (!before) return dropOutline(view);
  // The slider stays where it is: it has a way back of its own.
  outline.value = { ...before, detail: outline.value?.detail ?? before.detail };
  return true;
}

/** Removes the corner that was pressed last; false where there is none. */
export function removeSelectedCorner({ session, state }: View): boolean {
  const drawn = state.outline.value;
  if (!drawn?.selected) return false;
  const next = withoutCorner(drawn, drawn.selected);
  if (next === drawn) {
    session.failure.value = {
      code: "three_corners",
      message: "An outline has at least three corners.",
      hint: "To remove the whole object, press Esc and then Delete.",
    };
  }
  state.outline.value = next;
  return true;
}

export function setDetail({ state }: View, detail: number): void {
  const drawn = state.outline.value;
  if (drawn) state.outline.value = { ...drawn, detail, selected: null };
}

/** The outline, as the kernel has it. */
function asSaved(outline: Outline): Outline {
  const { polygons, detail } = outline;
  return { ...outline, selected: null, before: null, saved: { polygons, detail } };
}

function isOfPresentMask({ session }: View, { object, mask }: Outline): boolean {
  return session.document.value.objects.some((other) => other.id === object && other.mask === mask);
}
