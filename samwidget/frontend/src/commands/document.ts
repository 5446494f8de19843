// Commands that change the document or search for objects. Keys and buttons call them; each one checks whether it
// makes sense now, and sends one request.

import { focusEverything } from "../focus.ts";
import type { View } from "../view.ts";
import { undoOutline } from "./outline.ts";

export function undo(view: View): void {
  const { document, link } = view.session;
  if (undoOutline(view)) return;
  if (document.value.can_undo || link.isChanging) view.request({ kind: "undo" }, performance.now());
}

export function redo(view: View): void {
  const { document, link } = view.session;
  if (document.value.can_redo || link.isChanging) view.request({ kind: "redo" }, performance.now());
}

/** Closes the active object; while there are found objects to choose from, keeps those that pass. */
export function accept(view: View): void {
  const { session, state } = view;
  if (session.everything.isOpen.value) keepFoundObjects(view);
  else if (state.nextActive.value !== null) view.request({ kind: "accept" }, performance.now());
}

/** Shows the candidate of this level for the active object. */
export function chooseCandidate(view: View, level: number): void {
  const { everything, document } = view.session;
  if (everything.isOpen.value) return;
  if (level < document.value.candidates.length) view.request({ kind: "choose", level }, performance.now());
}

/**
 * Selects the neighbour of the active object in the list. Where none is active, forward is the neighbour of the object that
 * was active last, and back that object itself; where there is none such, the first or last of the list.
 */
export function selectNeighbour(view: View, step: 1 | -1): void {
  const { session, state } = view;
  const objects = state.listed.value;
  const active = state.nextActive.value;
  const selected = session.link.pending.value.findLast(({ request }) => request.kind === "select")?.request;
  const last = selected?.kind === "select" ? selected.object : state.lastActive.value;
  const from = objects.findIndex(({ id }) => id === (active ?? last));
  const isBackToLast = active === null && step < 0;
  const next =
    from < 0 ? objects.at(step > 0 ? 0 : -1) : objects.at((from + (isBackToLast ? 0 : step)) % objects.length);
  if (next && next.id !== active) view.request({ kind: "select", object: next.id }, performance.now());
}

/** Starts a search of everything; where its panel is open already, moves the keyboard there. */
export function startEverything(view: View): void {
  if (view.session.everything.isOpen.value) focusEverything(view);
  else view.request({ kind: "everything", points_per_side: null });
}

/**
 * Starts a search for objects like the selected ones, or else like the active one; where the panel is open already, moves
 * the keyboard there. Without either the kernel says what to do.
 */
export function startFindSimilar(view: View): void {
  const { session, state } = view;
  const objects = state.selection.value;
  if (session.everything.isOpen.value) focusEverything(view);
  else view.request({ kind: "find_similar", objects: objects.length > 0 ? [...objects] : null, excluded: [] });
}

export function cancelEverything(view: View): void {
  view.request({ kind: "cancel_everything" });
}

/** Makes objects of the found objects that pass; once, and not before the search has ended. */
export function keepFoundObjects(view: View): void {
  const { everything, link } = view.session;
  const isKeeping = link.pending.value.some(({ request }) => request.kind === "keep_found");
  const ids = [...everything.keptIds.value];
  if (everything.isOpen.value && !everything.isRunning.value && !isKeeping && ids.length > 0) {
    view.request({ kind: "keep_found", ids }, performance.now());
  }
}

export function discardFoundObjects(view: View): void {
  view.request({ kind: "discard_found" });
}

/** Ends the work on the masks of many prompts; false where there is none. */
export function stopMaking(view: View): boolean {
  if (!view.session.status.value.making) return false;
  view.request({ kind: "stop_making" });
  return true;
}
