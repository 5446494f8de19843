// Panel: the photos of a folder, only where there are several. A line of buttons for the photo on the screen, and a strip of
// thumbnails (film.ts), which folds away.

import { acceptImage, canCopy, goToNeighbour, markImage, toggleStrip } from "../commands/turning.ts";
import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { leaveHidden } from "../focus.ts";
import { type IconName, icon } from "../icons.ts";
import { shortcutOf } from "../keyboard.ts";
import { formatCount } from "../numbers.ts";
import type { View } from "../view.ts";
import { filmPart } from "./film.ts";
import { isAbsent } from "./state_texts.ts";
import { openCopyMenu, openFilterMenu, STATE_TEXTS } from "./strip_menus.ts";

export function filmstripPanel(view: View, scope: Scope): HTMLElement {
  const { session, state } = view;
  const film = filmPart(view, scope);
  const element = h(
    "section",
    { class: "sw-strip", "aria-label": "Photos", "data-sw": "strip", hidden: true },
    film,
    linePart(view, scope),
    announcer(view, scope),
  );
  scope.effect(() => {
    // A page without a kernel has no thumbnails.
    const isEmpty = isAbsent(session) && view.filmstrip.arrivals.value === 0;
    const isOpen = state.isStripOpen.value && !isEmpty;
    element.hidden = session.images.value === null;
    film.hidden = !isOpen;
    setAttribute(view.root, "data-strip", element.hidden ? null : isOpen ? "open" : "line");
    leaveHidden(view, [element, film]);
  });
  return element;
}

/** The buttons for the photo on the screen, and how far all are. */
function linePart(view: View, scope: Scope): HTMLElement {
  const { filmstrip, session, state } = view;
  const previous = stripButton("previous", "image-previous", "Previous photo", "previous-image");
  const next = stripButton("next", "image-next", "Next photo", "next-image");
  const position = h("span", { class: "sw-position", "data-sw": "image-position" });
  const mark = h("i", { class: "sw-mark" });
  const word = h("span", { class: "sw-state-word" });
  const copy = stripButton("copy", "image-copy", "Copy from the photo before", "copy-objects");
  const check = stripButton("flag", "image-check", "To check", "check-image");
  const skip = stripButton("skip", "image-skip", "Skip this photo", "skip-image");
  const done = stripButton("check", "image-accept", "Done: show the next photo", "accept-image");
  const filter = stripButton("filter", "image-filter", "Choose which photos are listed");
  const fold = stripButton("fold", "strip-fold", "Fold the strip of photos");
  const counts = h("span", { class: "sw-counts", "data-sw": "image-counts" });
  const bar = h("span", { class: "sw-counts-bar", "aria-hidden": "true" }, h("i"));
  done.classList.add("sw-done");
  done.append(h("span", {}, "Done"));
  setAttribute(copy, "aria-haspopup", "menu");
  setAttribute(filter, "aria-haspopup", "menu");
  const element = h(
    "div",
    { class: "sw-strip-line" },
    h("span", { class: "sw-turn" }, previous, position, next),
    h("span", { class: "sw-state", "data-sw": "image-state" }, mark, word),
    h("span", { class: "sw-marks" }, copy, check, skip, done),
    h("span", { class: "sw-far" }, counts, bar),
    h("span", { class: "sw-strip-end" }, filter, fold),
  );

  const acts: [HTMLElement, () => void][] = [
    [previous, () => goToNeighbour(view, -1)],
    [next, () => goToNeighbour(view, 1)],
    [check, () => markImage(view, "to_check")],
    [skip, () => markImage(view, "skipped")],
    [done, () => acceptImage(view)],
    [fold, () => toggleStrip(view)],
    [copy, () => canCopy(view) && openCopyMenu(view, copy, scope)],
    [filter, () => openFilterMenu(view, filter, scope)],
  ];
  for (const [button, act] of acts) scope.listen(button, "click", act);

  scope.effect(() => {
    const { images } = session;
    if (!images.value) return;
    const { count, counts: numbers } = images.value;
    const index = state.nextImage.value;
    const stateName = filmstrip.present.value?.state ?? "new";
    const isHere = !isAbsent(session);
    const isFiltered = filmstrip.isFiltered.value;
    setText(position, `${formatCount(index + 1)} of ${formatCount(count)}`);
    setAttribute(mark, "data-state", stateName);
    setText(word, STATE_TEXTS[stateName]);
    setAttribute(previous, "aria-disabled", String(!isHere || (index === 0 && !isFiltered)));
    setAttribute(next, "aria-disabled", String(!isHere || (index === count - 1 && !isFiltered)));
    setAttribute(copy, "aria-disabled", String(!isHere || index === 0));
    for (const button of [check, skip, done]) setAttribute(button, "aria-disabled", String(!isHere));
    setAttribute(check, "aria-pressed", String(stateName === "to_check"));
    setAttribute(skip, "aria-pressed", String(stateName === "skipped"));
    filter.classList.toggle("sw-changed", isFiltered);
    const all = `${formatCount(numbers.done)} of ${formatCount(count)} done`;
    setText(counts, isFiltered ? `${formatCount(filmstrip.total.value)} of ${formatCount(count)} listed` : all);
    const words = Object.entries(STATE_TEXTS).map(([name, text]) => `${numbers[name as keyof typeof numbers]} ${text}`);
    setAttribute(counts, "title", words.join(", "));
    element.style.setProperty("--sw-done", String(count > 0 ? numbers.done / count : 0));
  });
  scope.effect(() => {
    const isOpen = state.isStripOpen.value;
    const text = isOpen ? "Hide the thumbnails" : "Show the thumbnails";
    setAttribute(fold, "aria-label", text);
    setAttribute(fold, "title", text);
    setAttribute(fold, "aria-expanded", String(isOpen));
    fold.replaceChildren(icon(isOpen ? "fold" : "unfold"));
  });
  return element;
}

/** Says which photo is on the screen when another one comes, and its state when that changes. */
function announcer({ filmstrip, session }: View, scope: Scope): HTMLElement {
  const element = h("span", { class: "sw-live", role: "status", "aria-live": "polite" });
  scope.effect(() => {
    const row = filmstrip.present.value;
    const { images } = session;
    if (!row || !images.value) return;
    setText(element, `Photo ${row.index + 1} of ${images.value.count}, ${row.name}, ${STATE_TEXTS[row.state]}.`);
  });
  return element;
}

function stripButton(name: IconName, dataName: string, label: string, action?: string): HTMLButtonElement {
  const key = action ? shortcutOf(action) : "";
  const text = key ? `${label} (${key.replace("PageDown", "Page Down").replace("PageUp", "Page Up")})` : label;
  const attributes = { class: "sw-strip-button", type: "button", "data-sw": dataName, "aria-label": text, title: text };
  return h("button", attributes, icon(name));
}
