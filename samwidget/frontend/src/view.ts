// One view of a widget: what its tools, commands and panels work with. Owns the root element, which app.ts fills, and
// sends the requests of its user. Draws nothing and listens to no event.

import { h, type Scope } from "./dom.ts";
import { Filmstrip } from "./filmstrip.ts";
import { HoverPreview } from "./hover.ts";
import type { Request } from "./protocol.ts";
import type { Session } from "./session.ts";
import { createViewState, type ViewState } from "./state.ts";
import { ClickTimer } from "./timing.ts";

/** A part of the screen: the element it returns shows the state of `view` until `scope` ends. */
export type Panel = (view: View, scope: Scope) => HTMLElement;

/** Requests after which the selection is still of use. All others end it: the user goes on with something else. */
const KEEPS_SELECTION: ReadonlySet<Request["kind"]> = new Set([
  "set_class",
  "add_class",
  "rename_class",
  "delete_class",
  "activate_class",
  "set_locked",
  "set_visible",
  "rename",
  "reorder",
  "stop_making",
  "undo",
  "redo",
]);

export class View {
  readonly root = h("div", { class: "samwidget sw-wide", "data-sw": "root", "data-lm-suppress-shortcuts": "true" });
  readonly session: Session;
  readonly state: ViewState;
  readonly hover: HoverPreview;
  readonly filmstrip: Filmstrip;
  readonly clickTimer = new ClickTimer();
  /** Sends what must go before the next change: what was done to an outline. */
  beforeRequest: () => void = () => {};

  constructor(session: Session, scope: Scope) {
    this.session = session;
    this.state = createViewState(session);
    this.hover = new HoverPreview(session.link, () => session.settings.threshold.value);
    this.filmstrip = new Filmstrip(session, scope);
    scope.onEnd(() => this.hover.end());
    this.#clearOutdatedPreviews(scope);
    scope.watch([session.document], ({ active, objects, classes }) => {
      const { lastActive, selection, shownClass } = this.state;
      if (active !== null) lastActive.value = active;
      const isThere = (id: number) => objects.some((object) => object.id === id);
      if (!selection.value.every(isThere)) selection.value = selection.value.filter(isThere);
      if (!classes.some(({ name }) => name === shownClass.value)) shownClass.value = null;
    });
  }

  /**
   * Sends a change of the document; with `at_ms`, when the user acted, also measures the time until it is drawn. `onEnd` is
   * called when the kernel has carried it out, or else with false.
   */
  request(request: Request, at_ms?: number, onEnd: (isDone: boolean) => void = () => {}): void {
    // The photo that it would change is not on the screen yet. Another page may be asked for.
    if (this.state.isTurning.value && request.kind !== "go_to") {
      onEnd(false);
      return;
    }
    this.beforeRequest();
    this.hover.clear();
    this.session.failure.value = null;
    if (!KEEPS_SELECTION.has(request.kind)) this.state.selection.value = [];
    // The callbacks know the id only after request() returns, and no message comes before that.
    const id = this.session.request(request, {
      onReply: ({ kind }) => {
        if (id === null) return;
        if (kind === "masks") this.clickTimer.masksArrived(id);
        else if (kind === "error") this.clickTimer.failed(id);
        else this.clickTimer.done(id);
        if (kind === "done" || kind === "error") onEnd(kind === "done");
      },
    });
    if (id === null) onEnd(false);
    if (id !== null && at_ms !== undefined) this.clickTimer.start(id, at_ms);
  }

  /** A preview is valid for one photo, one tool and one document. */
  #clearOutdatedPreviews(scope: Scope): void {
    const { document, photo, settings } = this.session;
    scope.watch([document], () => {
      this.clickTimer.documentChanged();
      this.hover.clear();
    });
    scope.watch([photo, settings.tool, settings.hover], () => this.hover.clear());
    // So is a polygon that is not closed yet.
    scope.watch([photo, settings.tool], () => {
      this.state.polygon.value = null;
    });
  }
}
