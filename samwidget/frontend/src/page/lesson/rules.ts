// Rules of an exercise, as samwidget/explain/lessons/rules.py writes them: the first one whose conditions hold gives the
// result. The texts are Python's, with measures in braces as its `str.format` has them.

import type { Measures } from "./measures.ts";

export interface Rule {
  /** Such as "clicks > 1": a measure, a comparison, and a number or another measure. */
  when: readonly string[];
  passed: boolean;
  text: string;
}

export interface Result {
  passed: boolean;
  message: string;
}

const COMPARE: Record<string, (a: number, b: number) => boolean> = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
};

/** The result of the first rule that holds; null where none does. */
export function judged(rules: readonly Rule[], measures: Measures): Result | null {
  const rule = rules.find(({ when }) => when.every((condition) => holds(condition, measures)));
  return rule ? { passed: rule.passed, message: filled(rule.text, measures) } : null;
}

/** A text with its measures: `{iou:.2f}` has two digits, `{clicks}` is as it is. */
export function filled(text: string, measures: Measures): string {
  return text.replace(/\{(\w+)(?::\.(\d)f)?\}/g, (_, name: string, digits?: string) => {
    const value = measures[name];
    if (value === undefined) throw new Error(`there is no measure ${name}`);
    return digits === undefined ? String(value) : Number(value).toFixed(Number(digits));
  });
}

function holds(condition: string, measures: Measures): boolean {
  const [name, comparison, limit] = condition.split(" ") as [string, string, string];
  const compare = COMPARE[comparison];
  const [value, other] = [measures[name], measures[limit] ?? limit];
  if (!compare || value === undefined) throw new Error(`${condition} is no condition`);
  return compare(Number(value), Number(other));
}
