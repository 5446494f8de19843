// The thumbnails of the photos of a folder. Only the frames in sight exist: a strip of thousands costs no more than one of
// twenty. filmstrip.ts has the buttons beside them, and the rows and pictures come from ../filmstrip.ts.

import { goTo } from "../commands/turning.ts";
import { h, type Scope, setAttribute } from "../dom.ts";
import { focusedElement, focusPhoto } from "../focus.ts";
import type { ImageRow } from "../protocol.ts";
import type { View } from "../view.ts";
import { STATE_TEXTS } from "./strip_menus.ts";

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

/** The thumbnails. One tab stop: arrows move among them, Enter shows the photo. */
export function filmPart(view: View, scope: Scope): HTMLElement {
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
