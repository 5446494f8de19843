// What a request that failed tells the user.

import type { Failure } from "../protocol.ts";
import { PromptError } from "./values.ts";

export const CANNOT: Failure = {
  code: "page",
  message: "This page cannot do that: it has no Python kernel.",
  hint: "Open the photo with samwidget in a notebook.",
};

export function failureOf(error: unknown): Failure {
  const text = error instanceof Error ? error.message : String(error);
  const sentence = `${text.charAt(0).toUpperCase()}${text.slice(1)}`.replace(/[.]?$/, ".");
  if (error instanceof PromptError) return { code: "prompt", message: sentence, hint: hintOf(error.hint) };
  return { code: "internal", message: sentence, hint: "Reload the page." };
}

function hintOf(hint: string): string {
  return hint ? `${hint.charAt(0).toUpperCase()}${hint.slice(1)}`.replace(/[.]?$/, ".") : "";
}
