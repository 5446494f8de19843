// The room that the cell gives: which arrangement fits its width, and how high the photo may be.

import { h, type Scope } from "./dom.ts";
import { jpegExtent } from "./photo.ts";
import type { Session } from "./session.ts";

/** Below this width the list goes under the photo and the rail becomes a bar above it. */
const WIDE_FROM_PX = 720;
/** Below this width the figures give way too. */
const TIGHT_BELOW_PX = 480;
/** Below this height the rail's buttons move together. */
const SHORT_BELOW_PX = 440;

/** The widget's root with `parts` in it; keeps its arrangement fitting while `host` changes its size. */
export function layout(parts: readonly HTMLElement[], host: HTMLElement, session: Session, scope: Scope): HTMLElement {
  const root = h(
    "div",
    { class: "samwidget sw-wide", "data-sw": "root", "data-lm-suppress-shortcuts": "true" },
    ...parts,
  );
  host.classList.add("sw-host");
  scope.onEnd(() => host.classList.remove("sw-host"));

  const arrange = () => {
    const { width, height } = root.getBoundingClientRect();
    root.classList.toggle("sw-wide", width >= WIDE_FROM_PX);
    root.classList.toggle("sw-narrow", width < WIDE_FROM_PX);
    root.classList.toggle("sw-tight", width < TIGHT_BELOW_PX);
    root.classList.toggle("sw-short", height < SHORT_BELOW_PX);
    // ipywidgets writes `layout` into the host's style: a height there is the user's, and the photo takes what is left.
    root.classList.toggle("sw-filled", host.style.height !== "" && host.style.height !== "auto");
  };
  const observer = new ResizeObserver(arrange);
  observer.observe(root);
  observer.observe(host);
  const styles = new MutationObserver(arrange);
  styles.observe(host, { attributes: true, attributeFilter: ["style"] });
  scope.onEnd(() => {
    observer.disconnect();
    styles.disconnect();
  });

  const saved = session.savedPicture();
  const expected = saved ? jpegExtent(saved) : null;
  scope.effect(() => {
    const size = session.photo.value?.size ?? expected;
    if (size) root.style.setProperty("--sw-aspect", String(size.width / size.height));
  });
  return root;
}
