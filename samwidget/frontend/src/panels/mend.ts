// Panel: what mends a mask by hand, in the tray: the size of the brush while one is in hand, or the detail of the outline, and
// for the active object its smoothness, its size, its holes and its islands.

import { Adjusting, type SliderName } from "../adjusting.ts";
import { BRUSH_MIN, brushSize, brushSizeMax, hasBrush, isDrawing, setBrushSize } from "../commands/drawing.ts";
import { isOutlining, removeSelectedCorner, setDetail } from "../commands/outline.ts";
import { h, type Scope, setAttribute } from "../dom.ts";
import { type IconName, icon } from "../icons.ts";
import { formatCount } from "../numbers.ts";
import { DETAIL_MAX, shownPolygons } from "../outline.ts";
import type { Adjustment } from "../protocol.ts";
import { slider } from "../slider.ts";
import type { View } from "../view.ts";
import { longerSide } from "../viewport.ts";
import { isAbsent } from "./state_texts.ts";

/** Steps from rest to the end of a slider, and how many steps as long as a step the longer side of a photo is. */
const STEPS = 12;
const STEPS_OF_SIDE = 1000;
/** Positions of the slider for the brush, which is small at first and grows faster and faster. */
const BRUSH_POSITIONS = 100;

export function mendPanel(view: View, scope: Scope): HTMLElement {
  const { session, state } = view;
  const adjusting = new Adjusting(view, scope);
  const brush = brushSlider(view, scope);
  const smooth = adjustSlider(view, adjusting, scope, "smooth", "Smooth", "Round off the outline, in image pixels");
  const grow = adjustSlider(
    view,
    adjusting,
    scope,
    "grow",
    "Grow",
    "Make the mask larger, or smaller, in image pixels",
  );
  const detail = detailSlider(view, scope);
  const corner = cornerButton(view, scope);
  const holes = adjustButton(view, scope, "fill_holes", "holes", "Fill holes", "Fill all holes of the mask");
  const islands = adjustButton(view, scope, "drop_islands", "islands", "Drop islands", "Keep only its largest piece");
  const sliders = h("div", { class: "sw-mend-sliders" }, brush, detail, smooth, grow);
  const buttons = h("div", { class: "sw-mend-buttons" }, corner, holes, islands);
  const element = h("div", { class: "sw-mend", role: "group", "aria-label": "Mend the mask" }, sliders, buttons);

  scope.effect(() => {
    const hasObject = state.active.value !== null && !isAbsent(session);
    const isOutline = hasObject && isOutlining(view);
    brush.hidden = !hasBrush(view);
    for (const part of [detail, corner]) part.hidden = !isOutline;
    for (const part of [holes, islands]) part.hidden = isOutline;
    for (const part of [smooth, grow, buttons]) part.hidden = !hasObject;
    element.classList.toggle("sw-empty", brush.hidden && !hasObject);
  });
  // A mask that was drawn has no candidates to make space for.
  scope.effect(() => {
    const isAlone = session.document.value.candidates.length === 0;
    setAttribute(view.root, "data-mending", state.isMending.value || isAlone ? "" : null);
  });
  scope.watch([session.settings.tool], () => {
    state.isMending.value = isDrawing(view) && session.settings.tool.value !== "scribble";
  });
  return element;
}

function brushSlider(view: View, scope: Scope): HTMLElement {
  const span = () => Math.log(brushSizeMax(view) / BRUSH_MIN);
  return slider(
    {
      name: "brush-size",
      label: "Brush",
      hint: "Diameter of the brush in image pixels, also with [ and ]",
      min: 0,
      max: BRUSH_POSITIONS,
      step: 1,
      initial: BRUSH_POSITIONS / 2,
      position: () => Math.round((BRUSH_POSITIONS * Math.log(brushSize(view) / BRUSH_MIN)) / span()),
      move: (position) => setBrushSize(view, BRUSH_MIN * Math.exp((position / BRUSH_POSITIONS) * span())),
      text: () => `${brushSize(view)} px`,
    },
    scope,
  );
}

/** From few corners to many. Each position is made of the outline as it was, so that the way back loses nothing. */
function detailSlider(view: View, scope: Scope): HTMLElement {
  const { outline } = view.state;
  const count = () => (outline.value ? shownPolygons(outline.value).flat().length : 0);
  return slider(
    {
      name: "detail",
      label: "Detail",
      hint: "How many corners the outline has",
      min: 0,
      max: DETAIL_MAX,
      step: 1,
      initial: DETAIL_MAX,
      position: () => outline.value?.detail ?? DETAIL_MAX,
      move: (position) => setDetail(view, position),
      text: () => (outline.value ? formatCount(count()) : ""),
    },
    scope,
  );
}

function cornerButton(view: View, scope: Scope): HTMLButtonElement {
  const button = mendButton(
    "remove-corner",
    "lessCorners",
    "Remove corner",
    "Remove the corner that was pressed last (Delete)",
  );
  scope.listen(button, "click", () => removeSelectedCorner(view));
  // aria-disabled, not disabled: a disabled button loses the focus, and the keys would stop working.
  scope.effect(() => setAttribute(button, "aria-disabled", String(!view.state.outline.value?.selected)));
  return button;
}

/** A slider that shows its result while it moves; all of a slide is one step of the history. */
function adjustSlider(
  view: View,
  adjusting: Adjusting,
  scope: Scope,
  name: SliderName,
  label: string,
  hint: string,
): HTMLElement {
  /** Image pixels of one step. */
  const step = () => Math.max(1, Math.round(longerSide(view.session.photo.value?.size) / STEPS_OF_SIDE));
  const sign = (amount: number) => (amount > 0 && name === "grow" ? "+" : amount < 0 ? "\u2212" : "");
  return slider(
    {
      name: `mend-${name}`,
      label,
      hint,
      min: name === "grow" ? -STEPS : 0,
      max: STEPS,
      step: 1,
      initial: 0,
      position: () => Math.round(adjusting.amount(name) / step()),
      move: (position) => adjusting.move(name, position * step()),
      text: (position) => `${sign(position)}${Math.abs(position * step())} px`,
    },
    scope,
  );
}

function adjustButton(
  view: View,
  scope: Scope,
  operation: Adjustment,
  iconName: IconName,
  label: string,
  title: string,
): HTMLButtonElement {
  const button = mendButton(`mend-${operation}`, iconName, label, title);
  scope.listen(button, "click", () => {
    const { active } = view.state;
    const size = view.session.photo.value?.size;
    if (!active.value || !size) return;
    // As large as the photo: all of them.
    const amount = size.width * size.height;
    view.request({ kind: "adjust", object: active.value.id, operation, amount, continues: false }, performance.now());
  });
  return button;
}

function mendButton(name: string, iconName: IconName, label: string, title: string): HTMLButtonElement {
  return h(
    "button",
    { class: "sw-action sw-second sw-mend-button", type: "button", "data-sw": name, "aria-label": label, title },
    icon(iconName),
    h("span", {}, label),
  );
}
