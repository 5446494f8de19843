// Keys to actions, from the table shortcuts.json; docs/keyboard.md and the help are made from it too. Listens only inside
// the widget's root, so keys work only while the widget has the focus. What an action does: commands/actions.ts.

import type { Scope } from "./dom.ts";
import table from "./shortcuts.json";

export interface Shortcut {
  group: string;
  does: string;
  /** The keys of an action ... */
  action?: string;
  keys?: string[];
  /** ... which are written so where they are many, */
  label?: string;
  /** ... or a gesture of the pointer. */
  gesture?: string;
}

export const SHORTCUTS: readonly Shortcut[] = table;

/** What a key does; one that returns false leaves the key to the page. */
export type Actions = Record<string, (event: KeyboardEvent) => unknown>;

const ACTION_OF: ReadonlyMap<string, string> = new Map(
  SHORTCUTS.flatMap(({ action, keys }) => (action ? (keys ?? []).map((key) => [key, action] as const) : [])),
);

/** Keys that a focused button or slider needs itself. */
const BUTTON_KEYS = /^(Enter|Space|(Shift\+)?Arrow.*)$/;
const SLIDER_KEYS = /^((Shift\+)?Arrow.*|Home|End)$/;
/** Keys that a field of one line has no use for. */
const NO_FIELD_KEYS = /^((Shift\+)?Page(Up|Down)|Ctrl\+(Shift\+)?Enter)$/;

/** The name of the pressed key in the table, such as `Ctrl+Shift+Z`; Ctrl stands for Cmd as well. */
export function keyName(event: KeyboardEvent): string {
  let key = event.key === " " ? "Space" : event.key;
  // Letters by their position where the keyboard layout has no Latin ones (Cyrillic, Greek).
  if (key.length === 1 && key > "~" && /^Key[A-Z]$/.test(event.code)) key = event.code.slice(3);
  // The other sign on the key of a digit, whatever it is: Shift, or no Shift where the layout has digits on Shift.
  const digit = /^Digit([1-9])$/.exec(event.code)?.[1];
  if (digit && !event.ctrlKey && !event.metaKey && !/\d/.test(key) && !ACTION_OF.has(key)) return `Shift+${digit}`;
  const isLetter = /^[a-z]$/i.test(key);
  if (isLetter) key = key.toUpperCase();
  const control = (event.ctrlKey || event.metaKey) && !isWrittenWithAlt(event) ? "Ctrl+" : "";
  // Shift is part of a sign such as ? or +, but not of a letter or a named key.
  const shift = event.shiftKey && (key.length > 1 || (isLetter && control)) ? "Shift+" : "";
  return control + shift + key;
}

export function actionFor(event: KeyboardEvent): string | undefined {
  return event.altKey && !isWrittenWithAlt(event) ? undefined : ACTION_OF.get(keyName(event));
}

/** Whether the key writes a bracket with Alt or AltGr, as on German and French keyboards; AltGr counts as Ctrl and Alt. */
function isWrittenWithAlt({ altKey, key }: KeyboardEvent): boolean {
  return altKey && (key === "[" || key === "]");
}

/** The first key of an action, such as `I` or `Ctrl+Z`; empty where the action has none. */
export function shortcutOf(action: string): string {
  return SHORTCUTS.find((shortcut) => shortcut.action === action)?.keys?.[0] ?? "";
}

/** Whether the key writes a letter, as names begin with. */
export function writesLetter(event: KeyboardEvent): boolean {
  const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
  return /^\p{L}$/u.test(event.key) && (!hasModifier || event.getModifierState("AltGraph"));
}

/**
 * Runs `actions` by key while the focus is inside `root`; the page does not receive keys that have an action. A letter
 * goes to `beginName` first: where it returns true, a field has the focus, and the browser writes the letter there.
 */
export function listenToKeys(
  root: HTMLElement,
  actions: Actions,
  scope: Scope,
  beginName: (event: KeyboardEvent) => boolean = () => false,
): void {
  scope.listen(root, "keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const target = event.composedPath()[0];
    if (belongsTo(target, keyName(event))) return;
    if (writesLetter(event) && beginName(event)) {
      event.stopPropagation();
      return;
    }
    const action = actions[actionFor(event) ?? ""];
    if (!action || action(event) === false) return;
    event.preventDefault();
    event.stopPropagation();
  });
}

/** Whether the focused control uses `key` itself. */
function belongsTo(target: EventTarget | undefined, key: string): boolean {
  if (target instanceof HTMLButtonElement) return BUTTON_KEYS.test(key);
  if (!(target instanceof HTMLInputElement)) return false;
  if (target.type === "text") return !NO_FIELD_KEYS.test(key);
  return (target.type === "range" ? SLIDER_KEYS : BUTTON_KEYS).test(key);
}
