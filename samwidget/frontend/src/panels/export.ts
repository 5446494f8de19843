// Panel: the button above the list that exports objects, and its menu of formats. While the kernel writes, the button tells
// how far it is; what goes wrong is said in the menu's place.

import { canExport, exportObjects, labelledCount, openExport } from "../commands/exporting.ts";
import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { icon } from "../icons.ts";
import { shortcutOf } from "../keyboard.ts";
import { formatCount } from "../numbers.ts";
import { openPopover } from "../popover.ts";
import type { Failure } from "../protocol.ts";
import { rove } from "../rove.ts";
import type { View } from "../view.ts";

/** The words of the kernel for its formats, what people call them, and what is saved. */
export const EXPORT_FORMATS = [
  { format: "coco", title: "COCO", file: ".json" },
  { format: "yolo", title: "YOLO segmentation", file: ".zip" },
  { format: "labelme", title: "LabelMe", file: ".zip" },
  { format: "voc", title: "Pascal VOC", file: ".zip" },
  { format: "geojson", title: "GeoJSON", file: ".geojson" },
  { format: "label_map", title: "Label map", file: ".zip" },
  { format: "table", title: "Measurements", file: ".csv" },
  { format: "cutouts", title: "Cut-outs", file: ".zip" },
] as const;

/** Formats of one file for each image: several come as a .zip. A label map always does, with its table. */
const FILE_FOR_EACH: ReadonlySet<string> = new Set(["geojson"]);

export function exportButton(view: View, scope: Scope): HTMLElement {
  const { state } = view;
  const label = `Export objects to a file (${shortcutOf("export")})`;
  const text = h("span", {}, "Export");
  const live = h("span", { class: "sw-live", role: "status", "aria-live": "polite" });
  const button = h(
    "button",
    { class: "sw-export", type: "button", "data-sw": "export", "aria-haspopup": "menu", title: label },
    icon("export"),
    text,
  );
  const element = h("span", { class: "sw-export-box" }, button, live);
  scope.listen(button, "click", () => openExport(view));
  scope.effect(() => {
    element.hidden = !canExport(view);
    const { exporting, exportedName } = state;
    const percent = exporting.value?.total
      ? `${Math.floor((100 * exporting.value.done) / exporting.value.total)} %`
      : "…";
    setText(text, exporting.value ? percent : "Export");
    setAttribute(button, "aria-label", exporting.value ? "Export is in work" : label);
    setAttribute(button, "aria-disabled", exporting.value ? "true" : null);
    setAttribute(button, "data-working", exporting.value ? "" : null);
    setText(live, exporting.value ? "Exporting." : exportedName.value ? `Exported ${exportedName.value}.` : "");
  });
  // A kernel that is gone writes nothing more.
  scope.watch([view.session.presence], (presence) => {
    if (presence === "absent") state.exporting.value = null;
  });
  scope.effect(() => setAttribute(button, "aria-expanded", String(state.isExportOpen.value)));
  scope.watch([state.isExportOpen], (isOpen) => {
    if (isOpen) openMenu(view, button, scope);
  });
  return element;
}

function openMenu(view: View, anchor: HTMLElement, viewScope: Scope): void {
  const { session, state } = view;
  const isFolder = session.images.value !== null;
  const menu = h("div", { class: "sw-menu", role: "menu", "aria-label": "Export" });
  const buttons = EXPORT_FORMATS.map(({ format, title, file }) => {
    const suffix = h("span", { class: "sw-item-count" });
    const attributes = {
      class: "sw-item",
      type: "button",
      role: "menuitem",
      "data-sw": `export-${format}`,
      tabindex: -1,
    };
    return { format, file, suffix, button: h("button", attributes, title, suffix) };
  });
  const which = [true, false].map((all) => {
    const attributes = { class: "sw-item", type: "button", role: "menuitemradio", tabindex: -1 };
    const button = h("button", { ...attributes, "data-sw": all ? "export-all" : "export-this" });
    button.append(all ? "All labelled photos" : "This photo");
    if (all) button.append(h("span", { class: "sw-item-count" }, formatCount(labelledCount(session))));
    return { all, button };
  });
  const formats = h("div", { role: "group", "aria-label": "Format" }, ...buttons.map(({ button }) => button));
  if (isFolder) menu.append(h("div", { class: "sw-which", role: "group", "aria-label": "Photos" }));
  menu.firstElementChild?.append(...which.map(({ button }) => button));
  menu.append(formats);
  const show = () => {
    const isAll = isFolder && state.exportsAll.value;
    for (const { all, button } of which) setAttribute(button, "aria-checked", String(all === isAll));
    for (const { format, file, suffix } of buttons) {
      const isSeveral = isAll && labelledCount(session) > 1;
      setText(suffix, isSeveral && FILE_FOR_EACH.has(format) ? ".zip" : file);
    }
  };
  show();
  const first = buttons[0]?.button ?? anchor;
  const scope = openPopover(view, anchor, menu, first, viewScope);
  scope.onEnd(() => {
    state.isExportOpen.value = false;
  });
  for (const { all, button } of which) {
    scope.listen(button, "click", () => {
      state.exportsAll.value = all;
      show();
    });
  }
  for (const { format, button } of buttons) {
    scope.listen(button, "click", () => {
      scope.end();
      const isAll = isFolder && state.exportsAll.value;
      exportObjects(view, format, isAll, (failure) => openFailure(view, anchor, failure, viewScope));
    });
  }
  rove(menu, () => first, scope);
}

/** What went wrong, beside the button, with the way to choose again. */
function openFailure(view: View, anchor: HTMLElement, failure: Failure, viewScope: Scope): void {
  // A name or another panel has the keyboard: the banner takes nothing away.
  if (viewScope.signal.aborted || view.root.querySelector(".sw-popover, .sw-field:focus")) {
    view.session.failure.value = failure;
    return;
  }
  const again = h("button", { class: "sw-save", type: "button", "data-sw": "export-again" }, "Choose a format");
  const content = h(
    "div",
    { class: "sw-saving", role: "alertdialog", "aria-label": "The export failed" },
    h("strong", {}, "Not exported"),
    h("p", { class: "sw-save-note sw-wrong", "data-sw": "export-note" }, `${failure.message} ${failure.hint}`.trim()),
    h("div", {}, again),
  );
  const scope = openPopover(view, anchor, content, again, viewScope);
  scope.listen(again, "click", () => {
    scope.end();
    openExport(view);
  });
}
