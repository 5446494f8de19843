// Panel: the photos of a folder, only where there are several. A line of buttons for the photo on the screen, and a strip of
// thumbnails, which folds away. Only the frames in sight exist: a strip of thousands costs no more than one of twenty.

import { acceptImage, canCopy, goTo, goToNeighbour, markImage, toggleStrip } from "../commands/turning.ts";
import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { focusedElement, focusPhoto, leaveHidden } from "../focus.ts";
import { type IconName, icon } from "../icons.ts";
import { shortcutOf } from "../keyboard.ts";
import { formatCount } from "../numbers.ts";
import type { ImageRow } from "../protocol.ts";
import type { View } from "../view.ts";
import { isAbsent } from "./state_texts.ts";
import { openCopyMenu, openFilterMenu, STATE_TEXTS } from "./strip_menus.ts";

/** From frame to frame, CSS pixels. */
const STEP_PX = 68;
/** Frames outside the sight on each side. */
const SPARE = 4;
/** A strip that has no layout has this many. */
const UNMEASURED = 12;

interface Frame {
  element: HTMLButtonElement;
  picture: HTMLImageElement;
  mark: HTMLElement;
}

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

/** The thumbnails. One tab stop: arrows move among them, Enter shows the photo. */
function filmPart(view: View, scope: Scope): HTMLElement {
  const { filmstrip, session, state } = view;
  const track = h("div", { class: "sw-track", role: "presentation" });
  const list = h("div", {
    class: "sw-film",
    role: "listbox",
    "aria-label": "Photos",
    "aria-orientation": "horizontal",
  });
  list.append(track);
  const empty = h("p", { class: "sw-empty" }, "No photo is like this.");
  const element = h("div", { class: "sw-film-box" }, list, empty);
  const frames = new Map<number, Frame>();
  let focused: number | null = null;
  let request = 0;

  const inSight = (): [number, number] => {
    const width = list.clientWidth || UNMEASURED * STEP_PX;
    const from = Math.floor(list.scrollLeft / STEP_PX) - SPARE;
    const to = Math.ceil((list.scrollLeft + width) / STEP_PX) + SPARE;
    return [Math.max(0, from), Math.min(filmstrip.total.value, to)];
  };
  const draw = () => {
    if (!session.images.value || !state.isStripOpen.value) return;
    const [from, to] = inSight();
    filmstrip.show(from, to);
    const total = filmstrip.total.value;
    track.style.width = `${total * STEP_PX}px`;
    empty.hidden = total > 0 || !filmstrip.isFiltered.value;
    list.hidden = total === 0;
    const hadFocus = list.contains(focusedElement(view.root));
    for (const [position, { element }] of frames) {
      if (position >= from && position < to) continue;
      if (position === focused && position < total) continue;
      element.remove();
      frames.delete(position);
    }
    let present: number | null = null;
    for (let position = from; position < to; position++) {
      const row = filmstrip.row(position);
      if (isPresent(view, position, row)) present = position;
      showFrame(frameAt(frames, position, track), position, row, view);
    }
    const stop = [focused, present, from].find((position) => position !== null && frames.has(position));
    for (const [position, { element }] of frames) element.tabIndex = position === stop ? 0 : -1;
    if (hadFocus && !list.contains(focusedElement(view.root))) focusPhoto(view);
  };
  const later = () => {
    cancelAnimationFrame(request);
    request = requestAnimationFrame(draw);
  };
  const bringIntoSight = (position: number) => {
    const left = position * STEP_PX;
    const isInSight = left >= list.scrollLeft && left + STEP_PX <= list.scrollLeft + list.clientWidth;
    if (!isInSight) list.scrollLeft = left - (list.clientWidth - STEP_PX) / 2;
    later();
  };
  const focusAt = (position: number) => {
    focused = Math.max(0, Math.min(filmstrip.total.value - 1, position));
    const left = focused * STEP_PX;
    if (left < list.scrollLeft) list.scrollLeft = left;
    else list.scrollLeft = Math.max(list.scrollLeft, left + STEP_PX - list.clientWidth);
    draw();
    frames.get(focused)?.element.focus({ preventScroll: true });
  };

  scope.listen(list, "scroll", later, { passive: true });
  scope.listen(list, "click", ({ target }) => {
    const row = filmstrip.row(positionOf(target) ?? -1);
    if (row) goTo(view, row.index);
  });
  scope.listen(list, "focusin", ({ target }) => {
    focused = positionOf(target);
  });
  scope.listen(list, "focusout", () => {
    focused = null;
    later();
  });
  scope.listen(list, "keydown", (event) => {
    const position = positionOf(event.target);
    if (position === null) return;
    const steps: Record<string, number> = { ArrowRight: position + 1, ArrowLeft: position - 1, Home: 0 };
    const next = event.key === "End" ? filmstrip.total.value - 1 : steps[event.key];
    if (next !== undefined) focusAt(next);
    else if (event.key === "Escape") focusPhoto(view);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  // The wheel moves the strip where the widget is in use; elsewhere the page scrolls.
  scope.listen(
    list,
    "wheel",
    (event) => {
      if (!state.hasFocus.value || event.ctrlKey || Math.abs(event.deltaY) <= Math.abs(event.deltaX)) return;
      if (list.scrollWidth <= list.clientWidth) return;
      event.preventDefault();
      list.scrollLeft += event.deltaY;
    },
    { passive: false },
  );
  const observer = new ResizeObserver(later);
  observer.observe(list);
  scope.onEnd(() => {
    observer.disconnect();
    cancelAnimationFrame(request);
  });
  scope.watch([filmstrip.arrivals, session.images, filmstrip.total], later);
  // The photo on the screen is brought into sight when another one comes, not when the user has scrolled away from it.
  scope.watch([state.nextImage, state.isStripOpen, filmstrip.filter], (index, isOpen) => {
    if (index < 0 || !isOpen) return;
    later();
    if (filmstrip.isFiltered.value) void filmstrip.positionOf(index).then(bringIntoSight);
    else requestAnimationFrame(() => bringIntoSight(index));
  });
  return element;
}

function frameAt(frames: Map<number, Frame>, position: number, track: HTMLElement): Frame {
  const known = frames.get(position);
  if (known) return known;
  const picture = h("img", { alt: "", draggable: "false", hidden: true });
  const mark = h("i", { class: "sw-mark" });
  const element = h(
    "button",
    { class: "sw-frame", type: "button", role: "option", "data-sw": "frame", "data-position": position },
    picture,
    mark,
  );
  element.style.left = `${position * STEP_PX}px`;
  // In the order of their positions: the Tab key and screen readers follow the tree.
  const after = [...frames.keys()].filter((other) => other > position);
  track.insertBefore(element, frames.get(Math.min(...after))?.element ?? null);
  const frame = { element, picture, mark };
  frames.set(position, frame);
  return frame;
}

function showFrame({ element, picture, mark }: Frame, position: number, row: ImageRow | undefined, view: View): void {
  const thumbnail = row && view.filmstrip.thumbnail(row.index);
  const url = thumbnail?.url ?? "";
  const problem = row?.problem ?? thumbnail?.problem ?? "";
  picture.hidden = url === "";
  if (url && picture.getAttribute("src") !== url) picture.src = url;
  setAttribute(mark, "data-state", row ? row.state : null);
  element.classList.toggle("sw-broken", url === "" && problem !== "");
  setAttribute(element, "data-state", row?.state ?? null);
  setAttribute(element, "aria-selected", String(isPresent(view, position, row)));
  setAttribute(element, "aria-posinset", String(position + 1));
  setAttribute(element, "aria-setsize", String(view.filmstrip.total.value));
  const parts = row
    ? [row.name, STATE_TEXTS[row.state], `${row.objects} ${row.objects === 1 ? "object" : "objects"}`, problem]
    : [`Photo ${position + 1}`];
  const text = parts.filter(Boolean).join(", ");
  setAttribute(element, "aria-label", text);
  setAttribute(element, "title", text);
}

function isPresent(view: View, position: number, row: ImageRow | undefined): boolean {
  const index = row?.index ?? (view.filmstrip.isFiltered.value ? -1 : position);
  return index === view.state.nextImage.value;
}

function positionOf(target: EventTarget | null): number | null {
  const frame = target instanceof Element ? target.closest<HTMLElement>(".sw-frame") : null;
  return frame ? Number(frame.dataset.position) : null;
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
