// Commands for the photos of a folder: which one is on the screen, how far it is, and what it takes from the one before. All
// that a view has begun on a photo ends when another one comes. panels/filmstrip.ts has the buttons.

import type { Scope } from "../dom.ts";
import type { ImageFilter } from "../filmstrip.ts";
import { focusPhoto } from "../focus.ts";
import type { ImageState } from "../protocol.ts";
import type { Gestures } from "../stage/gestures.ts";
import type { View } from "../view.ts";
import { dropName, leaveName } from "./naming.ts";

/** Photos in these states wait for their user. */
const OPEN_STATES = ["new", "in_work", "to_check"] as const;

/** Shows the photo with this index; false where the widget has one photo only. */
export function goTo(view: View, index: number): boolean {
  const { session, state } = view;
  if (!session.images.value) return false;
  if (index === state.nextImage.value) return true;
  endName(view);
  view.request({ kind: "go_to", image: index });
  return true;
}

/** Shows the next (1) or the previous (-1) photo of those in the strip. */
export function goToNeighbour(view: View, step: 1 | -1): boolean {
  const { filmstrip, session, state } = view;
  const { images } = session;
  if (!images.value) return false;
  const index = state.nextImage.value;
  if (filmstrip.isFiltered.value) {
    void filmstrip.neighbour(index, step).then((next) => next !== null && goTo(view, next));
  } else if (index + step >= 0 && index + step < images.value.count) goTo(view, index + step);
  return true;
}

/** Says that the photo is done, and shows the next one that is neither done nor skipped; with a filter, the next that passes. */
export function acceptImage(view: View): boolean {
  const { filmstrip, session, state } = view;
  const { images } = session;
  if (!images.value) return false;
  if (state.isTurning.value) return true;
  endName(view);
  const { index, counts } = images.value;
  const isListed = filmstrip.isFiltered.value;
  const isOpen = OPEN_STATES.some((name) => name === filmstrip.present.value?.state);
  const openCount = OPEN_STATES.reduce((sum, name) => sum + counts[name], 0);
  if (!isListed && openCount > (isOpen ? 1 : 0)) view.request({ kind: "accept_image" });
  // The last one stays on the screen.
  else view.request({ kind: "set_image_state", images: [index], state: "done" });
  if (isListed) goToNeighbour(view, 1);
  return true;
}

/** Gives the photo this state and shows the next one; takes the state back where the photo has it. */
export function markImage(view: View, mark: Extract<ImageState, "skipped" | "to_check">): boolean {
  const { filmstrip, session, state } = view;
  const { images } = session;
  if (!images.value) return false;
  if (state.isTurning.value) return true;
  endName(view);
  const { index } = images.value;
  const hasMark = filmstrip.present.value?.state === mark;
  const before = session.document.value.objects.length > 0 ? "in_work" : "new";
  view.request({ kind: "set_image_state", images: [index], state: hasMark ? before : mark });
  if (!hasMark) goToNeighbour(view, 1);
  return true;
}

/** Keeps the name that is being written; its field goes, and the keys must go on working. */
function endName(view: View): void {
  const hadField = view.state.naming.value !== null;
  leaveName(view);
  if (hadField) focusPhoto(view);
}

/** Whether there is a photo before, to copy from. */
export function canCopy({ session }: View): boolean {
  return (session.images.value?.index ?? 0) > 0;
}

/** Adds the objects of the photo before: their masks, or with `prompts` what the model makes of their prompts here. */
export function copyObjects(view: View, prompts: boolean): boolean {
  if (!view.session.images.value) return false;
  if (canCopy(view)) view.request({ kind: "copy_objects", image: null, prompts }, performance.now());
  return true;
}

export function filterImages({ filmstrip }: View, filter: ImageFilter): void {
  filmstrip.filter.value = filter;
}

/** Opens the strip, or folds it to its line; remembered for cells of this size. */
export function toggleStrip({ state }: View): void {
  state.stripChoice.set(!state.isStripOpen.value);
}

/** Ends all that was begun on a photo when another one comes, and before that when it is asked for. */
export function watchTurning(view: View, gestures: Gestures, scope: Scope): void {
  const { session, state } = view;
  const end = () => {
    gestures.cancel();
    view.hover.clear();
    state.pointer.value = null;
    state.crosshair.value = null;
    state.corner.value = null;
    state.draft.value = null;
    state.stroke.value = null;
    state.polygon.value = null;
    state.outline.value = null; // what was done to it was sent before the page was turned
    state.pointedRow.value = null;
    state.selection.value = [];
    state.search.value = "";
    state.isChoosingClass.value = false;
  };
  scope.watch([state.isTurning], (isTurning) => {
    if (isTurning) end();
  });
  let lastId: string | null = null;
  scope.watch([session.photo], (photo) => {
    if (photo && lastId !== null && photo.id !== lastId) {
      dropName(view); // it would go to an object of the other photo
      end();
      state.lastActive.value = null;
    }
    lastId = photo?.id ?? lastId;
  });
}
