// What a tool is. A tool turns the gestures of one pointer into requests; it draws nothing and owns no listener.

import type { Signal } from "@preact/signals-core";

import type { View } from "../view.ts";
import type { Point, Position } from "../viewport.ts";

/** A pointer that moved less, CSS pixels, has clicked. */
export const DRAG_ABOVE_PX = 4;

export interface Press extends Position {
  /** The right button, or what replaces it: Alt, or Ctrl on a Mac. */
  isSecondary: boolean;
  hasShift: boolean;
  /** A finger needs larger targets. */
  isTouch: boolean;
}

export interface Gesture {
  /** Each position counts that the pointer had between two frames: a line is drawn. */
  isFine?: boolean;
  move(position: Position): void;
  /** `at_ms` is when the pointer left the screen: from then on the user waits. */
  end(position: Position, at_ms: number): void;
  /** Ends the gesture without its effect. */
  cancel(): void;
}

/** Draws a line: `add` takes each position, and `send` the whole line; `draft`, where the line is shown, is empty then. */
export function lineGesture<T>(
  draft: Signal<T | null>,
  add: (position: Position) => void,
  send: (at_ms: number) => void,
): Gesture {
  const cancel = () => {
    draft.value = null;
  };
  return {
    isFine: true,
    move: add,
    end(position, at_ms) {
      add(position);
      send(at_ms);
      cancel();
    },
    cancel,
  };
}

/** Of a press that does nothing. */
export const NO_GESTURE: Gesture = { move() {}, end() {}, cancel() {} };

export interface Tool {
  press(press: Press, view: View): Gesture;
  /** What the space bar does at the crosshair, `at` in image pixels; `at_ms` as in Gesture. */
  useAt(at: Point, view: View, at_ms: number): void;
  /** CSS cursor where there is no handle under the pointer. */
  cursor: string;
  /** CSS cursor of what the tool itself has there; null where it has nothing. */
  cursorAt?(position: Position, view: View): string | null;
  /** One line for the status bar: what the next gesture does. */
  hint(view: View): string;
}
