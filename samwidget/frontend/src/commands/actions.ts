// The actions of shortcuts.json, bound to commands. Also the two keys that need more than one command: the space bar,
// which acts when it comes up, and Escape, which ends whatever was begun last.

import type { Scope } from "../dom.ts";
import { focusPhoto, leaveWidget } from "../focus.ts";
import { type Actions, keyName } from "../keyboard.ts";
import type { Gestures } from "../stage/gestures.ts";
import { TOOL_NAMES } from "../traits.ts";
import type { View } from "../view.ts";
import { ZOOM_STEP } from "../viewport.ts";
import { chooseClass, pressDigit } from "./classes.ts";
import { hideCrosshair, moveCrosshair, useToolAtCrosshair } from "./crosshair.ts";
import {
  accept,
  cancelEverything,
  chooseCandidate,
  discardFoundObjects,
  redo,
  selectNeighbour,
  startEverything,
  startFindSimilar,
  stopMaking,
  undo,
} from "./document.ts";
import { closePolygon, dropPolygon, hasBrush, removeCorner, resizeBrush } from "./drawing.ts";
import { openExport } from "./exporting.ts";
import { startFind } from "./listing.ts";
import { renameActive } from "./naming.ts";
import { dropOutline, keepOutline, removeSelectedCorner } from "./outline.ts";
import { openSave, restoreObjects } from "./saving.ts";
import {
  clearSelection,
  deleteSelected,
  mergeSelected,
  moveInOrder,
  selectAll,
  splitSelected,
  subtractSelected,
  toggleLock,
} from "./selection.ts";
import { acceptImage, copyObjects, goToNeighbour, markImage } from "./turning.ts";
import { fitPhoto, oneToOne, zoom } from "./viewport.ts";
import { openWords } from "./words.ts";

export function keyActions(view: View, gestures: Gestures): Actions {
  const { tool } = view.session.settings;
  return {
    ...Object.fromEntries(TOOL_NAMES.map((name) => [name, () => tool.set(name)])),
    everything: () => startEverything(view),
    similar: () => startFindSimilar(view),
    words: () => openWords(view),
    accept: () => closePolygon(view) || keepOutline(view) || accept(view),
    digit: ({ key }) => pressDigit(view, Number(key)),
    candidate: (event) => chooseCandidate(view, Number(keyName(event).at(-1)) - 1),
    class: () => chooseClass(view),
    "next-object": () => (hasBrush(view) ? resizeBrush(view, 1) : selectNeighbour(view, 1)),
    "previous-object": () => (hasBrush(view) ? resizeBrush(view, -1) : selectNeighbour(view, -1)),
    rename: () => renameActive(view),
    delete: () => removeCorner(view) || removeSelectedCorner(view) || deleteSelected(view),
    lock: () => toggleLock(view),
    find: () => startFind(view),
    "to-front": () => moveInOrder(view, "front"),
    "to-back": () => moveInOrder(view, "back"),
    "select-all": () => selectAll(view),
    merge: () => mergeSelected(view),
    subtract: () => subtractSelected(view),
    split: () => splitSelected(view),
    save: () => openSave(view),
    restore: () => restoreObjects(view),
    export: () => openExport(view),
    // With one photo these keys are for the page.
    "next-image": () => goToNeighbour(view, 1),
    "previous-image": () => goToNeighbour(view, -1),
    "accept-image": () => acceptImage(view),
    "check-image": () => markImage(view, "to_check"),
    "skip-image": () => markImage(view, "skipped"),
    "copy-objects": () => copyObjects(view, false),
    undo: () => undo(view),
    redo: () => redo(view),
    "zoom-in": () => zoom(view, ZOOM_STEP),
    "zoom-out": () => zoom(view, 1 / ZOOM_STEP),
    fit: () => fitPhoto(view),
    "one-to-one": () => oneToOne(view),
    hover: () => toggleHover(view),
    names: () => toggleNames(view),
    help: () => toggleHelp(view),
    move: ({ key }) => moveCrosshair(view, key, false),
    "move-finely": ({ key }) => moveCrosshair(view, key, true),
    // Acts when the key comes up, unless a drag has used it: see listenToSpace.
    "use-tool": () => {
      gestures.isSpaceDown = true;
    },
    leave: () => leave(view, gestures),
  };
}

/** Uses the tool at the crosshair when the space bar comes up, unless it was held for a drag of the photo. */
export function listenToSpace(view: View, gestures: Gestures, scope: Scope): void {
  scope.listen(view.root, "keyup", ({ key }) => {
    if (key !== " " || !gestures.isSpaceDown) return;
    if (!gestures.wasSpaceUsed) useToolAtCrosshair(view);
    gestures.isSpaceDown = false;
    gestures.wasSpaceUsed = false;
  });
}

export function toggleHelp({ state }: View): void {
  state.isHelpOpen.value = !state.isHelpOpen.value;
}

export function closeHelp(view: View): void {
  view.state.isHelpOpen.value = false;
  focusPhoto(view);
}

/**
 * Escape ends one of these, the first that there is: help, gesture, polygon, outline, search, choice, many masks, selection, crosshair, and at last
 * the focus.
 */
function leave(view: View, gestures: Gestures): void {
  const { session, state } = view;
  if (state.isHelpOpen.value) closeHelp(view);
  else if (gestures.cancel() || dropPolygon(view) || dropOutline(view)) return;
  else if (session.everything.isRunning.value) cancelEverything(view);
  else if (session.everything.isOpen.value) discardFoundObjects(view);
  else if (stopMaking(view)) return;
  else if (state.selection.value.length > 0) clearSelection(view);
  else if (state.crosshair.value) hideCrosshair(view);
  else leaveWidget(view);
}

/** Shows the names of all objects on the photo, or only that of the pointed one. */
export function toggleNames({ state }: View): void {
  state.areNamesShown.value = !state.areNamesShown.value;
}

/** Switches the preview on or off; one that switched itself off is switched on. */
function toggleHover({ session, hover }: View): void {
  const isOn = session.settings.hover.value && !hover.isOff.value;
  hover.restart();
  hover.clear();
  session.settings.hover.set(!isOn);
}
