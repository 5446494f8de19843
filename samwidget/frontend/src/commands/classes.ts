// Commands for classes. A class that the user chooses goes to the selected objects. Where none is selected, it goes to the
// active object and to the objects that come after it. panels/classes.ts has the chips, panels/class_picker.ts the field.

import type { View } from "../view.ts";
import { chooseCandidate } from "./document.ts";

/** Gives the class to what is selected or active, and to new objects; adds one that is new. Null gives none. */
export function giveClass(view: View, name: string | null): void {
  const { session, state } = view;
  const selection = state.selection.value;
  const active = state.nextActive.value;
  if (selection.length > 0) {
    view.request({ kind: "set_class", objects: [...selection], class: name });
    return;
  }
  const isNew = !session.document.value.classes.some((item) => item.name === name);
  // Null stands for the active object, which the kernel may not have made yet.
  if (active !== null)
    view.request({ kind: "set_class", objects: active === "unknown" ? null : [active], class: name });
  else if (name !== null && isNew) view.request({ kind: "add_class", name });
  if (name !== state.newClass.value) view.request({ kind: "activate_class", class: name });
}

/** Opens the field that finds or adds a class. */
export function chooseClass({ session, state }: View): void {
  if (!session.everything.isOpen.value) state.isChoosingClass.value = true;
}

/** What a digit key does: gives the class with this digit; without classes, shows the candidate with it. */
export function pressDigit(view: View, digit: number): void {
  const { document, everything } = view.session;
  const { classes } = document.value;
  if (everything.isOpen.value) return;
  const named = classes[digit - 1];
  if (named) giveClass(view, named.name);
  else if (classes.length === 0) chooseCandidate(view, digit - 1);
}

export function renameClass(view: View, name: string, newName: string): void {
  if (newName === name) return;
  view.request({ kind: "rename_class", class: name, name: newName });
  if (view.state.shownClass.value === name) view.state.shownClass.value = newName;
}

export function deleteClass(view: View, name: string): void {
  view.request({ kind: "delete_class", class: name });
}

/** Shows only the objects of this class; all again where it is the only one already. */
export function showOnlyClass({ state }: View, name: string): void {
  state.shownClass.value = state.shownClass.value === name ? null : name;
  state.selection.value = [];
}
