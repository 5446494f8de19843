// Checks of values that come from outside, put together from small ones. messages.ts says which value needs which.

export type Check = (value: unknown) => boolean;

export const text: Check = (value) => typeof value === "string";
export const flag: Check = (value) => typeof value === "boolean";
export const number: Check = (value) => Number.isFinite(value);
export const positive: Check = (value) => number(value) && (value as number) > 0;

/** A whole number that is not below `minimum`. */
export const integer =
  (minimum: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= minimum;

export const oneOf =
  (...choices: unknown[]): Check =>
  (value) =>
    choices.includes(value);

/** An array of any length whose items all pass. */
export const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

/** An array that has one item for each check. */
export const tuple =
  (...checks: Check[]): Check =>
  (value) =>
    Array.isArray(value) && value.length === checks.length && checks.every((check, index) => check(value[index]));

/** An object whose fields pass; it may have others. */
export const record =
  (fields: Record<string, Check>): Check =>
  (value) =>
    isRecord(value) && Object.entries(fields).every(([name, check]) => check(value[name]));

export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
