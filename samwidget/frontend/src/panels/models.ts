// Panel: the name of the model in the status bar, which is a button where the model may be chosen, and the menu that it opens
// upwards; and how far a change is, with the way to end it. The kernel says which models there are.

import { signal } from "@preact/signals-core";

import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { leaveHidden } from "../focus.ts";
import { icon } from "../icons.ts";
import { formatPart, formatSize } from "../numbers.ts";
import { openPopover } from "../popover.ts";
import type { ModelRow } from "../protocol.ts";
import { rove } from "../rove.ts";
import type { Session } from "../session.ts";
import type { View } from "../view.ts";
import { isAbsent } from "./state_texts.ts";

/** Gap between the menu and the upper border of the widget, CSS pixels. */
const MARGIN_PX = 6;
const HEIGHT_MIN_PX = 120;
const HEIGHT_MAX_PX = 430;

/** What people call the families; another one is called as the kernel calls it. */
const FAMILIES: Readonly<Record<string, string>> = {
  "": "Given in Python",
  nano: "Bundled with samwidget",
  sam: "Segment Anything",
  sam_hq: "SAM-HQ, sharper outlines",
  sam2: "Segment Anything 2",
  sam3: "Segment Anything 3",
  edgetam: "EdgeTAM",
  mobile_sam: "MobileSAM",
};

/** `label` alone, or as a button that opens the menu of models where one may be chosen. */
export function modelButton(view: View, label: HTMLElement, scope: Scope): HTMLElement {
  const { session } = view;
  const isOpen = signal(false);
  const button = h(
    "button",
    { class: "sw-model-button", type: "button", "data-sw": "model", "aria-haspopup": "menu" },
    h("span", { class: "sw-live" }, "Choose a model. Now: "),
  );
  const arrow = icon("unfold");
  const element = h("span", { class: "sw-model-box" });
  // A press outside the menu closes it, and a press on the button is outside: its click must not open it again.
  let wasOpen = false;
  const note = () => {
    wasOpen = isOpen.value;
  };
  scope.listen(view.root, "pointerdown", note, { capture: true });
  scope.listen(button, "click", ({ detail }) => {
    isOpen.value = detail > 0 ? !wasOpen : !isOpen.value;
  });
  scope.effect(() => setAttribute(button, "aria-expanded", String(isOpen.value)));
  scope.watch([session.models, session.status, session.presence], (models) => {
    const canChoose = (models?.can_choose ?? false) && canReach(session);
    if (canChoose && label.parentElement !== button) {
      button.append(label, arrow);
      element.replaceChildren(button);
    } else if (!canChoose && label.parentElement !== element) {
      element.replaceChildren(label);
    }
    setAttribute(button, "title", models?.note || "Choose a model");
    if (!canChoose) isOpen.value = false;
  });
  scope.watch([isOpen], (isOpenNow) => {
    if (!isOpenNow) return;
    const opened = openMenu(view, button, scope);
    opened.onEnd(() => {
      isOpen.value = false;
    });
    // It closes where no model can be chosen any more.
    opened.watch([isOpen], (stays) => {
      if (!stays) opened.end();
    });
  });
  return element;
}

/** The model that comes next and how far it is, in the place of the hint. */
export function modelChangePanel(view: View, scope: Scope): HTMLElement {
  const { session } = view;
  const text = h("span", { class: "sw-change-text", role: "progressbar", "aria-label": "Change of the model" });
  const cancel = h(
    "button",
    { class: "sw-stop", type: "button", "data-sw": "cancel-model", title: "Go on with the present model" },
    "Cancel",
  );
  const bar = h("i", { class: "sw-making-bar" });
  const element = h(
    "span",
    { class: "sw-making sw-change", "data-sw": "model-change", hidden: true },
    text,
    cancel,
    bar,
  );
  scope.listen(cancel, "click", () => session.request({ kind: "cancel_model" }));
  scope.watch([session.models, session.status, session.presence], (models) => {
    const change = canReach(session) ? models?.change : undefined;
    element.hidden = !change;
    leaveHidden(view, [element]);
    if (!change) return;
    const isKnown = change.phase === "downloading" && change.total > 0;
    setText(text, describeChange(change));
    // Without a value a progress bar stands for work whose end is not known.
    setAttribute(text, "aria-valuemax", isKnown ? String(change.total) : null);
    setAttribute(text, "aria-valuenow", isKnown ? String(change.done) : null);
    setAttribute(text, "aria-valuetext", isKnown ? describeChange(change) : null);
    bar.hidden = !isKnown;
    if (isKnown) bar.style.transform = `scaleX(${Math.min(1, change.done / change.total)})`;
  });
  return element;
}

/** What the change of the model does now, such as "Downloading sam2.1-hiera-tiny · 84 of 156 MB". */
export function describeChange({
  model,
  phase,
  done,
  total,
}: NonNullable<NonNullable<Session["models"]["value"]>["change"]>): string {
  const name = shortName(model);
  switch (phase) {
    case "waiting":
      return `${name} is next…`;
    case "downloading":
      return total > 0 ? `Downloading ${name} · ${formatPart(done / 1e6, total / 1e6)}` : `Downloading ${name}…`;
    case "loading":
      return `Loading ${name}…`;
    case "encoding":
      return `${name} encodes the image…`;
  }
}

function canReach(session: Session): boolean {
  return !isAbsent(session) && session.status.value.phase !== "closed";
}

/** Opens the menu, which has its rows when the kernel has sent them. */
function openMenu(view: View, anchor: HTMLElement, viewScope: Scope): Scope {
  const { session } = view;
  const menu = h("div", { class: "sw-menu sw-models", role: "menu", "aria-label": "Models", tabindex: -1 });
  const note = h("p", { class: "sw-models-note", role: "status" }, "Looking for models…");
  const content = h("div", { class: "sw-models-box", "data-sw": "models" }, note, menu);
  const scope = openPopover(view, anchor, content, menu, viewScope);
  // It grows upwards, as far as the widget goes.
  const space_px = anchor.getBoundingClientRect().top - view.root.getBoundingClientRect().top;
  if (space_px > 0)
    content.style.maxHeight = `${Math.max(HEIGHT_MIN_PX, Math.min(HEIGHT_MAX_PX, space_px - 4 * MARGIN_PX))}px`;
  const id = session.request(
    { kind: "list_models" },
    {
      onReply: (reply) => {
        if (scope.signal.aborted) return;
        if (reply.kind === "models") {
          setText(note, session.models.value?.note ?? "");
          note.hidden = note.textContent === "";
          fill(view, menu, reply.models, scope);
        } else if (reply.kind === "error") {
          setText(note, `${reply.message} ${reply.hint}`.trim());
        }
      },
    },
  );
  if (id === null) scope.end(); // the failure is on the screen
  return scope;
}

function fill(view: View, menu: HTMLElement, models: readonly ModelRow[], scope: Scope): void {
  const buttons = new Map<ModelRow, HTMLButtonElement>();
  for (const family of new Set(models.map((row) => row.family))) {
    const title = FAMILIES[family] ?? family;
    const group = h("div", { role: "group", "aria-label": title });
    group.append(h("span", { class: "sw-models-family", "aria-hidden": "true" }, title));
    for (const row of models.filter((candidate) => candidate.family === family)) {
      const button = rowButton(row);
      scope.listen(button, "click", () => {
        scope.end();
        if (!row.is_used || view.session.models.value?.change) choose(view.session, row.name);
      });
      buttons.set(row, button);
      group.append(button);
    }
    menu.append(group);
  }
  const first = [...buttons].find(([row]) => row.is_used)?.[1] ?? [...buttons.values()][0];
  rove(menu, () => first, scope);
  first?.focus({ preventScroll: true });
  first?.scrollIntoView?.({ block: "center" });
}

function rowButton(row: ModelRow): HTMLButtonElement {
  const facts = [
    row.size_mb === undefined || row.availability === "download" ? "" : formatSize(row.size_mb),
    row.licence,
    row.reads_words ? "finds words" : "",
    row.needs_mb === undefined ? "" : `needs about ${Math.ceil(row.needs_mb / 1000)} GB of memory`,
  ].filter(Boolean);
  const [where, sign] = whereText(row);
  return h(
    "button",
    {
      class: "sw-item sw-model-row",
      type: "button",
      role: "menuitemradio",
      "aria-checked": String(row.is_used),
      "data-sw": `model-${row.name}`,
      "data-where": row.availability,
      title: row.name,
      tabindex: -1,
    },
    h("span", { class: "sw-model-name" }, shortName(row.name)),
    h("span", { class: "sw-model-where" }, where, icon(sign)),
    h("span", { class: "sw-model-facts" }, facts.join(" · ")),
  );
}

/** Where a model is or how to get it, with its icon. */
function whereText({ availability, size_mb, is_used }: ModelRow): [string, Parameters<typeof icon>[0]] {
  if (is_used) return ["In use", "check"];
  switch (availability) {
    case "here":
      return ["On this computer", "here"];
    case "download":
      return [size_mb === undefined ? "Download" : `Download ${formatSize(size_mb)}`, "download"];
    case "gated":
      return ["Ask for access on the hub first", "lock"];
    case "missing":
      return ["Not on this computer", "close"];
  }
}

/** Has the kernel use a model; what goes wrong is shown over the photo, but for a change that somebody ended. */
function choose(session: Session, model: string): void {
  session.failure.value = null;
  session.request(
    { kind: "use_model", model },
    {
      onReply: (reply) => {
        if (reply.kind !== "error" || reply.code === "stopped") return;
        const { code, message, hint } = reply;
        session.failure.value = { code, message, hint };
      },
    },
  );
}

/** A name without the owner of the hub's repository, or without the folders of a path. */
export function shortName(name: string): string {
  return name.split(/[\\/]/).filter(Boolean).at(-1) ?? name;
}
