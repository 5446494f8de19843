// How the root fits its cell and what the stylesheet knows of the view: the arrangement for its width, the proportions of
// the photo, the theme, and the modes that change the look of several panels.

import { type Scope, setAttribute } from "./dom.ts";
import { jpegExtent } from "./photo.ts";
import { watchTheme } from "./theme.ts";
import { DRAWING_TOOLS, type ToolName } from "./traits.ts";
import type { View } from "./view.ts";

/** Below this width the list goes under the photo and the toolbar becomes a bar above it. */
const WIDE_FROM_PX = 720;
/** Below this width the panels have less space between their parts. */
const TIGHT_BELOW_PX = 480;
/** Below this width the toolbar has two lines, and *Accept* is an icon. */
const SLIM_BELOW_PX = 360;
/** What each button of a toolbar at the side takes of the widget's height, and what is beside the buttons. */
const TOOL_PX = 36;
const BESIDE_TOOLS_PX = 100;
/** The same where the buttons are smaller. Where these do not fit either, they have two columns. */
const SMALL_TOOL_PX = 30;
const BESIDE_SMALL_TOOLS_PX = 84;
/** The photo is not higher than this, whatever its proportions ... */
const PHOTO_HEIGHT_MAX_PX = 640;
/** ... but as high as this, also in a low window. */
const PHOTO_HEIGHT_MIN_PX = 280;
/** A strip of photos above its line of buttons takes this much, and the line alone that much. */
const STRIP_OPEN_PX = 74;
const STRIP_LINE_PX = 37;
/** In a widget of a given height that is lower than this, and ... */
const LOW_BELOW_PX = 676;
/** ... where an open strip would leave the photo less height than this, it is folded to its line at first. */
const PHOTO_BESIDE_STRIP_PX = 380;
/** Height of what a notebook has around the photo at its first sight: its own bars, a cell, the tray, the status bar. */
const AROUND_PHOTO_PX = 440;
/** An output frame that grows with its content (Colab) has no height of its own; a notebook fills this part of a screen. */
const WINDOW_OF_SCREEN = 0.75;

/** Keeps the arrangement of the root fitting while `host` changes its size. */
export function watchSize({ root, state }: View, host: HTMLElement, scope: Scope): void {
  host.classList.add("sw-host");
  scope.onEnd(() => host.classList.remove("sw-host"));

  const arrange = () => {
    const { width, height: outer } = root.getBoundingClientRect();
    // The tools end above the strip of photos.
    const height = outer - (strip?.offsetHeight ?? 0);
    const toolCount = root.querySelectorAll(".sw-tool").length;
    root.classList.toggle("sw-wide", width >= WIDE_FROM_PX);
    root.classList.toggle("sw-narrow", width < WIDE_FROM_PX);
    root.classList.toggle("sw-tight", width < TIGHT_BELOW_PX);
    root.classList.toggle("sw-slim", width < SLIM_BELOW_PX);
    root.classList.toggle("sw-low", height < BESIDE_TOOLS_PX + toolCount * TOOL_PX);
    root.classList.toggle("sw-short", height < BESIDE_SMALL_TOOLS_PX + toolCount * SMALL_TOOL_PX);
    // ipywidgets writes `layout` into the host's style: a height there is the user's, and the photo takes what is left.
    const hasHeight = host.style.height !== "" && host.style.height !== "auto";
    // Shiny gives the host the height of its card or page, by this class.
    const isFilling = host.parentElement?.classList.contains("html-fill-container") ?? false;
    root.classList.toggle("sw-filled", hasHeight || isFilling);
    // Not by the height of the strip itself, which would then fold and open for ever.
    const isLow =
      hasHeight || isFilling
        ? outer < LOW_BELOW_PX
        : windowHeight() - AROUND_PHOTO_PX - STRIP_OPEN_PX < PHOTO_BESIDE_STRIP_PX;
    state.isCellSmall.value = width < WIDE_FROM_PX || isLow;
  };
  const strip = root.querySelector<HTMLElement>(".sw-strip");
  const observer = new ResizeObserver(arrange);
  observer.observe(root);
  observer.observe(host);
  if (strip) observer.observe(strip);
  for (const group of root.querySelectorAll(".sw-toolbar > .sw-group")) observer.observe(group); // gets a button later
  scope.listen(window, "resize", arrange);
  const styles = new MutationObserver(arrange);
  styles.observe(host, { attributes: true, attributeFilter: ["style"] });
  scope.onEnd(() => {
    observer.disconnect();
    styles.disconnect();
  });
}

/** Gives the stylesheet the height that the photo may have, so that the whole widget fits the window. */
export function watchWindow({ root, session, state }: View, scope: Scope): void {
  const measure = () => {
    const strip_px = session.images.value === null ? 0 : state.isStripOpen.value ? STRIP_OPEN_PX : STRIP_LINE_PX;
    const free_px = windowHeight() - AROUND_PHOTO_PX - strip_px;
    const height_px = Math.min(PHOTO_HEIGHT_MAX_PX, Math.max(PHOTO_HEIGHT_MIN_PX, free_px));
    root.style.setProperty("--sw-height-max", `${Math.round(height_px)}px`);
  };
  scope.effect(measure);
  scope.listen(window, "resize", measure);
}

/** Of the window, CSS pixels; in a frame that grows with its content, of what it may grow to. */
function windowHeight(): number {
  const isFramed = window.parent !== window;
  return isFramed ? Math.max(innerHeight, WINDOW_OF_SCREEN * screen.availHeight) : innerHeight;
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
  scope.watch([watchTheme(session.settings.theme, root, scope)], (theme) => setAttribute(root, "data-theme", theme));
  scope.watch([session.presence], (presence) => mark("data-away", presence === "absent"));
  // A finger draws with some tools, and moves a photo that is zoomed; otherwise a vertical swipe is for the page.
  const { tool } = session.settings;
  const draws = (name: ToolName) => name === "box" || DRAWING_TOOLS.has(name);
  scope.watch([tool, state.isFitted], (name, isFitted) => mark("data-swipe", !draws(name) && isFitted));
}
