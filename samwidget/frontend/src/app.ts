// One view: makes its parts, connects them, and ends them together. Layers draw, tools turn gestures into requests, panels
// show state and call commands.

import { keyActions, listenToSpace } from "./commands/actions.ts";
import { typeName } from "./commands/naming.ts";
import { watchOutline } from "./commands/outline.ts";
import { watchTurning } from "./commands/turning.ts";
import { keepFitted } from "./commands/viewport.ts";
import { h, type Scope } from "./dom.ts";
import { watchFocus } from "./focus.ts";
import { listenToKeys } from "./keyboard.ts";
import { watchAspect, watchModes, watchSize, watchWindow } from "./layout.ts";
import { bannerPanel } from "./panels/banner.ts";
import { everythingAnnouncer } from "./panels/everything.ts";
import { filmstripPanel } from "./panels/filmstrip.ts";
import { helpPanel } from "./panels/help.ts";
import { namePanel } from "./panels/name.ts";
import { objectsPanel } from "./panels/objects.ts";
import { snapshotPanel } from "./panels/snapshot.ts";
import { statusPanel } from "./panels/status.ts";
import { toolbarPanel } from "./panels/toolbar.ts";
import { trayPanel } from "./panels/tray.ts";
import { workingPanel } from "./panels/working.ts";
import { reportState } from "./report.ts";
import type { Session } from "./session.ts";
import { StageCanvases } from "./stage/canvases.ts";
import { watchDetail } from "./stage/detail.ts";
import { Gestures } from "./stage/gestures.ts";
import { addRing } from "./stage/ring.ts";
import { type Panel, View } from "./view.ts";

/** Opens a view of `session` in `host`; it ends with `scope`. */
export function openView(session: Session, host: HTMLElement, scope: Scope): void {
  const view = new View(session, scope);
  const canvases = new StageCanvases(view, watchDetail(view, scope), scope);
  addPanels(view, canvases, scope);
  addInput(view, canvases, scope);
  watchModes(view, scope);
  watchAspect(view, scope);
  watchSize(view, host, scope);
  watchWindow(view, scope);
  keepFitted(view, scope);
  watchOutline(view, scope);
  showLatency(view, canvases, scope);
  reportState(view, canvases, scope);

  host.replaceChildren(view.root);
  scope.onEnd(() => view.root.remove());
  session.sayHello(scope);
}

/** Fills the root. The order is that of the Tab key. */
function addPanels(view: View, canvases: StageCanvases, scope: Scope): void {
  const build = (panel: Panel) => panel(view, scope);
  canvases.element.prepend(build(snapshotPanel));
  canvases.element.append(build(workingPanel), build(namePanel));
  const main = h("div", { class: "sw-main" }, canvases.element, ...[bannerPanel, everythingAnnouncer].map(build));
  view.root.append(
    build(toolbarPanel),
    main,
    ...[trayPanel, objectsPanel, filmstripPanel, statusPanel, helpPanel].map(build),
  );
}

/** Pointer, keys and focus. */
function addInput(view: View, canvases: StageCanvases, scope: Scope): void {
  const gestures = new Gestures(canvases, view, scope);
  addRing(canvases, view, scope);
  watchFocus(view, scope);
  watchTurning(view, gestures, scope);
  listenToKeys(view.root, keyActions(view, gestures), scope, (event) => typeName(view, event));
  listenToSpace(view, gestures, scope);
}

/** Takes the time of a click when the frame with its masks is drawn. */
function showLatency(view: View, canvases: StageCanvases, scope: Scope): void {
  scope.watch([canvases.frame], () => {
    const waited_ms = view.clickTimer.drawn(performance.now());
    if (waited_ms !== null) view.state.latency_ms.value = waited_ms;
  });
  // A request ends with the next frame, also where it has changed nothing that is drawn.
  scope.watch([view.session.link.pending], () => canvases.requestFrame());
}
