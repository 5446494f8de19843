// Commands for the name of an object. It is begun by a letter, by F2, or in the list; Enter keeps it and accepts the object,
// Escape drops it, and whatever else the user does keeps it. panels/name.ts has the field.

import { actionFor } from "../keyboard.ts";
import { TOOL_NAMES, type ToolName } from "../traits.ts";
import type { View } from "../view.ts";
import { accept } from "./document.ts";

/** Begins the name of the active object with the letter of `event`; false where no object takes letters now. */
export function typeName(view: View, event: KeyboardEvent): boolean {
  const { session, state } = view;
  const isElsewhere = session.everything.isOpen.value || state.isHelpOpen.value || state.isGesturing.value;
  if (isElsewhere || state.nextActive.value === null) return false;
  beginActive(view, actionFor(event) ?? "", "");
  return true;
}

/** Opens the field for the name of the active object. */
export function renameActive(view: View): void {
  const { active, nextActive } = view.state;
  if (nextActive.value === null) return;
  beginActive(view, null, active.value?.id === nextActive.value ? active.value.name : "");
}

/** Opens the field for the name of an object in its row of the list. */
export function renameInList(view: View, id: number): void {
  const object = view.session.document.value.objects.find((object) => object.id === id);
  if (!object || view.state.naming.value?.object === id) return;
  keepName(view);
  view.state.nameText.value = object.name;
  view.state.naming.value = { object: id, isInList: true, action: null };
}

function beginActive({ state }: View, action: string | null, text: string): void {
  const next = state.nextActive.value;
  state.nameText.value = text;
  state.naming.value = { object: next === "unknown" ? null : next, isInList: false, action };
}

/** Keeps the name and accepts the object, so that the next click begins another one. */
export function acceptName(view: View): void {
  const id = view.state.naming.value?.object ?? null;
  keepName(view);
  const next = view.state.nextActive.value;
  if (id === null || id === next) accept(view);
}

/** Keeps the name; a blank one is dropped. */
export function keepName(view: View): void {
  const { session, state } = view;
  const naming = state.naming.value;
  if (!naming) return;
  state.naming.value = null;
  // Without half a surrogate pair, which a field of limited length may end with.
  const name = state.nameText.value.replace(/\p{Surrogate}/gu, "").trim();
  const object = session.document.value.objects.find(({ id }) => id === naming.object);
  if (name && name !== object?.name) view.request({ kind: "rename", object: naming.object, name });
}

export function dropName({ state }: View): void {
  state.naming.value = null;
}

/** The user goes on with something else: a lone letter that is a key of the photo was that key, all else is the name. */
export function leaveName(view: View): void {
  const action = loneKey(view);
  if (!action) {
    keepName(view);
    return;
  }
  dropName(view);
  if (action === "accept") accept(view);
  else view.session.settings.tool.set(action);
}

/** The tool whose key is all that was typed so far, or `accept` for its letter; null where it is none. */
export function loneKey({ state }: View): ToolName | "accept" | null {
  const action = state.nameText.value.length === 1 ? state.naming.value?.action : null;
  return [...TOOL_NAMES, "accept" as const].find((name) => name === action) ?? null;
}
