// Panel: the saved picture. A placeholder until the photo comes; with a caption where no kernel answers.

import { h, type Scope } from "../dom.ts";
import type { Session } from "../session.ts";

export function savedPanel(session: Session, scope: Scope): HTMLElement {
  const caption = h("figcaption", { class: "sw-caption", hidden: true }, "Saved picture: run the cell to continue");
  const element = h("figure", { class: "sw-saved", "data-sw": "saved", hidden: true }, caption);
  // Read once: where a kernel answers, the picture changes after each edit and nobody looks at it.
  const bytes = session.photo.peek() ? null : session.savedPicture();
  if (!bytes) return element;
  const url = URL.createObjectURL(new Blob([bytes.slice()], { type: "image/jpeg" }));
  const picture = h("img", { class: "sw-saved-picture", src: url, alt: "The photo with its masks, as saved" });
  element.prepend(picture);
  scope.onEnd(() => URL.revokeObjectURL(url));
  scope.effect(() => {
    element.hidden = session.photo.value !== null;
    caption.hidden = session.presence.value !== "absent";
  });
  return element;
}
