// Commands for the name of an object. While one is active, letters write its name: so typing after a click names what was
// clicked. F2 and the list begin a name too. Enter keeps it and accepts the object, Escape drops it, and going elsewhere keeps
// it. A tool's letter alone is the tool, unless Enter makes it a name. panels/name.ts has the field.

import { actionFor } from "../keyboard.ts";
import { TOOL_NAMES } from "../traits.ts";
import type { View } from "../view.ts";
import { accept } from "./document.ts";

/** Actions of the letters that may be a key also while they would write a name. */
const LONE_ACTIONS = [...TOOL_NAMES, "accept"] as const;

/**
 * Begins the name of the active object with the letter of `event`; false where no object takes letters now. The letter of a
 * tool chooses it at once: a second letter takes that back.
 */
export function typeName(view: View, event: KeyboardEvent): boolean {
  const { session, state } = view;
  const isElsewhere = session.everything.isOpen.value || state.isHelpOpen.value || state.isGesturing.value;
  if (isElsewhere || state.nextActive.value === null || state.selection.value.length > 0) return false;
  beginActive(view, "");
  const { tool } = session.settings;
  const action = LONE_ACTIONS.find((name) => name === actionFor(event));
  if (!action) return true;
  state.loneKey.value = { action, toolBefore: tool.value };
  if (action !== "accept") tool.set(action);
  return true;
}

/** The name so far, as its field has it. */
export function writeName(view: View, text: string): void {
  view.state.nameText.value = text;
  if (text.length !== 1) takeKeyBack(view);
}

/** Opens the field for the name of the active object. */
export function renameActive(view: View): void {
  const { active, nextActive } = view.state;
  if (nextActive.value === null) return;
  beginActive(view, active.value?.id === nextActive.value ? active.value.name : "");
}

/** Opens the field for the name of an object in its row of the list. */
export function renameInList(view: View, id: number): void {
  const object = view.session.document.value.objects.find((object) => object.id === id);
  if (!object || view.state.naming.value?.object === id) return;
  keepName(view);
  view.state.nameText.value = object.name;
  view.state.naming.value = { object: id, isInList: true };
}

function beginActive({ state }: View, text: string): void {
  const next = state.nextActive.value;
  state.nameText.value = text;
  state.naming.value = { object: next === "unknown" ? null : next, isInList: false };
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
  dropName(view);
  // Without half a surrogate pair, which a field of limited length may end with.
  const name = state.nameText.value.replace(/\p{Surrogate}/gu, "").trim();
  const object = session.document.value.objects.find(({ id }) => id === naming.object);
  if (name && name !== object?.name) view.request({ kind: "rename", object: naming.object, name });
}

export function dropName(view: View): void {
  takeKeyBack(view);
  view.state.naming.value = null;
}

/** The user goes on elsewhere: a lone letter that is a key was that key, all else is the name. */
export function leaveName(view: View): void {
  const { loneKey } = view.state;
  const key = loneKey.value;
  if (!key) {
    keepName(view);
    return;
  }
  loneKey.value = null;
  dropName(view);
  if (key.action === "accept") accept(view);
}

/** The letter is no key, but only a letter of the name. */
function takeKeyBack({ session, state }: View): void {
  const key = state.loneKey.value;
  state.loneKey.value = null;
  if (key) session.settings.tool.set(key.toolBefore);
}
