// How the root fits its cell and what the stylesheet knows of the view: the arrangement for its width, the proportions of
// the photo, the theme, and the modes that change the look of several panels.

import { type Scope, setAttribute } from "./dom.ts";
import { jpegExtent } from "./photo.ts";
import { watchTheme } from "./theme.ts";
import type { View } from "./view.ts";

/** Below this width the list goes under the photo and the toolbar becomes a bar above it. */
const WIDE_FROM_PX = 720;
/** Below this width the panels have less space between their parts. */
const TIGHT_BELOW_PX = 480;
/** Below this height the buttons of the toolbar move together. */
const SHORT_BELOW_PX = 440;

/** Keeps the arrangement of the root fitting while `host` changes its size. */
export function watchSize({ root }: View, host: HTMLElement, scope: Scope): void {
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
}

/** Gives the stylesheet the photo's proportions; before it comes, those of the snapshot, so that nothing moves later. */
export function watchAspect({ root, session }: View, scope: Scope): void {
  const snapshot = session.snapshot();
  const expected = snapshot ? jpegExtent(snapshot) : null;
  scope.watch([session.photo], (photo) => {
    const size = photo?.size ?? expected;
    if (size) root.style.setProperty("--sw-aspect", String(size.width / size.height));
  });
}

/** Marks the root with the theme and with the modes that several panels show. */
export function watchModes({ root, session, state }: View, scope: Scope): void {
  const mark = (name: string, isOn: boolean) => setAttribute(root, name, isOn ? "" : null);
  scope.watch([watchTheme(session.settings.theme, scope)], (theme) => setAttribute(root, "data-theme", theme));
  scope.watch([session.everything.isOpen], (isOpen) => mark("data-everything", isOpen));
  scope.watch([state.isGesturing], (isGesturing) => mark("data-gesture", isGesturing));
  scope.watch([session.presence], (presence) => mark("data-away", presence === "absent"));
}
