// The field for the name of an object or a class, and the keys that an input method has in it.

import { type Attributes, h } from "../dom.ts";
import { NAME_LENGTH_MAX } from "../protocol.ts";

export function nameInput(attributes: Attributes): HTMLInputElement {
  return h("input", {
    class: "sw-field",
    type: "text",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    dir: "auto",
    maxlength: NAME_LENGTH_MAX,
    ...attributes,
  });
}

/** Whether the key belongs to an input method. Safari ends its composition before the key that ended it. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}
