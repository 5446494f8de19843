// What a tool is. A tool turns the gestures of one pointer into requests; it draws nothing and owns no listener.

import type { HoverPreview } from "../hover.ts";
import type { Request } from "../protocol.ts";
import type { Session } from "../session.ts";
import type { Spot } from "../stage/stage.ts";
import type { ViewState } from "../state.ts";

/** A pointer that moved less, CSS pixels, has clicked. */
export const DRAG_ABOVE_PX = 4;

export interface Press extends Spot {
  /** The right button, or what stands for it: Alt, or Ctrl on a Mac. */
  isSecondary: boolean;
  hasShift: boolean;
  /** A finger needs larger targets. */
  isTouch: boolean;
}

export interface Gesture {
  move(spot: Spot): void;
  /** `at_ms` is when the pointer left the screen: the start of what the user waits for. */
  end(spot: Spot, at_ms: number): void;
  cancel(): void;
}

/** What tools work with. */
export interface Desk {
  session: Session;
  state: ViewState;
  hover: HoverPreview;
  /** Asks for a change of the document; `at_ms` is when the user did. */
  intend(request: Request, at_ms?: number): void;
}

export interface Tool {
  press(press: Press, desk: Desk): Gesture;
  /** CSS cursor over an empty place. */
  cursor: string;
  /** One line for the status bar. */
  hint(desk: Desk): string;
}
