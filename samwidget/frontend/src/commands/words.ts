// Commands for finding by words: panels/words.ts has the field. Where the model cannot read they do nothing.

import { focusEverything } from "../focus.ts";
import { type Box, NAME_LENGTH_MAX } from "../protocol.ts";
import type { View } from "../view.ts";

/** Whether there is a model that reads words, and a kernel that has it. */
export function readsWords({ session: { status, presence } }: View): boolean {
  return presence.value === "here" && status.value.reads_words === true;
}

/** Opens the field; while there are found objects to choose from, moves the keyboard to them. */
export function openWords(view: View): void {
  if (!readsWords(view)) return;
  if (view.session.everything.isOpen.value) focusEverything(view);
  else view.state.isWordsOpen.value = true;
}

/** Starts a search for phrases that commas part, and for what is like the boxes. Returns what is wrong; empty where it began. */
export function startFind(view: View, text: string, boxes: readonly Box[]): string {
  const phrases = text.split(",").map((phrase) => phrase.trim());
  const written = [...new Set(phrases.filter((phrase) => phrase !== ""))];
  if (written.length === 0 && boxes.length === 0) return "Write what to find, such as “coin”.";
  // As Python counts: a pair of surrogates is one character.
  const long = written.find((phrase) => [...phrase].length > NAME_LENGTH_MAX);
  if (long) return `A phrase has at most ${NAME_LENGTH_MAX} characters. Name the object in a few words.`;
  view.request({ kind: "find", phrases: written, boxes: [...boxes], excluded_boxes: [] });
  return "";
}
