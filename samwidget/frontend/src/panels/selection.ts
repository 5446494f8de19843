// Panel: what can be done with the selected objects, below the list. It has the space of the settings for masks while
// something is selected, so that nothing moves.

import { chooseClass } from "../commands/classes.ts";
import { startFindSimilar } from "../commands/document.ts";
import { deleteSelected, mergeSelected, moveInOrder, splitSelected, subtractSelected } from "../commands/selection.ts";
import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { leaveHidden } from "../focus.ts";
import { icon } from "../icons.ts";
import { shortcutOf } from "../keyboard.ts";
import type { View } from "../view.ts";

export function selectionPanel(view: View, scope: Scope): HTMLElement {
  const { session, state } = view;
  const count = h("span", { class: "sw-selected-count" });
  const button = (action: string, text: string, run: () => void) => {
    const element = h("button", { class: "sw-small", type: "button", "data-sw": `selection-${action}` }, text);
    scope.listen(element, "click", run);
    return element;
  };
  const merge = button("merge", "Merge", () => mergeSelected(view));
  const subtract = button("subtract", "Subtract", () => subtractSelected(view));
  const split = button("split", "Split", () => splitSelected(view));
  const similar = button("similar", "", () => startFindSimilar(view));
  similar.classList.add("sw-small-icon");
  similar.append(icon("similar"));
  setAttribute(similar, "aria-label", "Find similar");
  const class_ = button("class", "Class", () => chooseClass(view));
  const remove = button("delete", "Delete", () => deleteSelected(view));
  const order = (to: "front" | "back", text: string) => {
    const element = button(`to-${to}`, "", () => moveInOrder(view, to));
    element.classList.add("sw-small-icon");
    element.append(icon(to));
    setAttribute(element, "aria-label", text);
    setAttribute(element, "title", `${text} (${shortcutOf(`to-${to}`)})`);
    return element;
  };
  const element = h(
    "div",
    { class: "sw-selection", role: "group", "aria-label": "Selected objects", "data-sw": "selection", hidden: true },
    count,
    merge,
    subtract,
    split,
    similar,
    class_,
    remove,
    order("front", "Bring to the front"),
    order("back", "Send to the back"),
  );
  scope.watch([state.selection, session.document], (ids, { objects }) => {
    element.hidden = ids.length === 0;
    leaveHidden(view, [element]);
    const first = objects.find(({ id }) => id === ids[0])?.name ?? "";
    const isOne = ids.length === 1;
    const others = ids.length === 2 ? (objects.find(({ id }) => id === ids[1])?.name ?? "") : "the others";
    merge.hidden = isOne;
    subtract.hidden = isOne;
    split.hidden = !isOne;
    setText(count, `${ids.length} selected`);
    const tip = (button: HTMLElement, text: string, action: string) =>
      setAttribute(button, "title", `${text} (${shortcutOf(action)})`);
    tip(merge, `Merge ${others} into ${first}`, "merge");
    tip(subtract, `Take ${others} away from ${first}`, "subtract");
    tip(split, `Make an object of each piece of ${first}`, "split");
    tip(similar, isOne ? `Find objects like ${first}` : "Find objects like these", "similar");
    tip(class_, "Choose or add a class", "class");
    tip(remove, isOne ? `Delete ${first}` : `Delete all ${ids.length}`, "delete");
  });
  return element;
}
