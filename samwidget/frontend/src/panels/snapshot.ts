// Panel: the snapshot, a small picture that the notebook saves. Shown until the photo comes; with a caption where there is
// no kernel.

import { h, type Scope } from "../dom.ts";
import type { View } from "../view.ts";

export function snapshotPanel({ session }: View, scope: Scope): HTMLElement {
  const caption = h("figcaption", { class: "sw-caption", hidden: true }, "Saved picture. Run the cell to continue.");
  const element = h("figure", { class: "sw-snapshot", "data-sw": "snapshot", hidden: true }, caption);
  // Read once: with a kernel the snapshot changes after each edit, and the photo covers it.
  const bytes = session.photo.peek() ? null : session.snapshot();
  if (!bytes) return element;
  const url = URL.createObjectURL(new Blob([bytes.slice()], { type: "image/jpeg" }));
  const picture = h("img", { class: "sw-snapshot-picture", src: url, alt: "The image with its masks, as saved" });
  element.prepend(picture);
  scope.onEnd(() => URL.revokeObjectURL(url));
  scope.effect(() => {
    element.hidden = session.photo.value !== null;
    caption.hidden = session.presence.value !== "absent";
  });
  return element;
}
