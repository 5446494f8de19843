// One view: makes the parts, connects them, and lets go of them together. Layers draw, tools turn gestures into
// requests, panels show state; what passes between them passes here.

import { actions, Commands } from "./commands.ts";
import { h, type Scope, setAttribute } from "./dom.ts";
import { HoverPreview } from "./hover.ts";
import { listenToKeys } from "./keyboard.ts";
import { layout } from "./layout.ts";
import { bannerPanel } from "./panels/banner.ts";
import { candidatesPanel } from "./panels/candidates.ts";
import { everythingPanel } from "./panels/everything.ts";
import { helpPanel } from "./panels/help.ts";
import { objectsPanel } from "./panels/objects.ts";
import { savedPanel } from "./panels/saved.ts";
import { statusPanel } from "./panels/status.ts";
import { toolbar } from "./panels/toolbar.ts";
import type { Request } from "./protocol.ts";
import type { Session } from "./session.ts";
import { watchDetail } from "./stage/detail.ts";
import { Gestures } from "./stage/gestures.ts";
import { type Frame, Stage } from "./stage/stage.ts";
import { type ViewState, viewState } from "./state.ts";
import { watchTheme } from "./theme.ts";
import { ClickTimer } from "./timing.ts";
import { box } from "./tools/box.ts";
import { pan } from "./tools/pan.ts";
import { pick } from "./tools/pick.ts";
import { exclude, include } from "./tools/point.ts";
import { select } from "./tools/select.ts";
import type { Desk, Tool } from "./tools/tool.ts";
import type { ToolName } from "./traits.ts";
import { clamp, fitted } from "./viewport.ts";

const TOOLS: Record<ToolName, Tool> = { select, include, exclude, box, pan };

/** Opens a view of `session` in `host`; it ends with `scope`. */
export function openView(session: Session, host: HTMLElement, scope: Scope): void {
  const state = viewState(session);
  const hover = new HoverPreview(session.link, () => session.settings.threshold.value);
  const timer = new ClickTimer();
  const desk: Desk = {
    session,
    state,
    hover,
    intend: (request, at_ms) => intend(session, hover, timer, request, at_ms),
  };
  const commands = new Commands(desk);
  const retry = () => session.request({ kind: "retry" });

  const stage = new Stage(
    {
      session,
      state,
      hover,
      detail: watchDetail(session, state, scope),
      onFrame: (frame) => {
        const waited_ms = timer.drawn(performance.now());
        if (waited_ms !== null) state.latency_ms.value = waited_ms;
        report(root, desk, stage, frame);
      },
    },
    scope,
  );
  const focusStage = () => stage.element.focus({ preventScroll: true });
  stage.element.prepend(savedPanel(session, scope));
  const tool = () => (session.findings.isOpen.value ? pick : TOOLS[session.settings.tool.value]);
  const gestures = new Gestures(stage, desk, tool, scope);
  const hint = () => tool().hint(desk);
  const closeHelp = () => {
    state.isHelpOpen.value = false;
    focusStage();
  };
  const everything = everythingPanel(
    session,
    {
      cancel: () => commands.cancelSearch(),
      keep: () => commands.keepFound(),
      discard: () => commands.discardFound(),
    },
    focusStage,
    scope,
  );
  const findEverything = () => {
    if (!commands.everything()) everything.focus();
  };
  const main = h(
    "div",
    { class: "sw-main" },
    stage.element,
    bannerPanel(session, retry, scope),
    candidatesPanel(session, state, desk, hint, scope),
    everything.element,
    everything.live,
  );
  const help = helpPanel(state, closeHelp, scope);
  const rail = toolbar(
    session,
    state,
    {
      undo: () => commands.undo(),
      redo: () => commands.redo(),
      everything: findEverything,
      fit: () => commands.fit(),
      help: () => commands.toggleHelp(),
    },
    scope,
  );
  const list = objectsPanel(session, state, desk, focusStage, scope);
  const status = statusPanel({ session, state, hover, hint }, scope);
  const root = layout([rail, main, list, status, help], host, session, scope);

  const theme = watchTheme(session.settings.theme, scope);
  scope.effect(() => setAttribute(root, "data-theme", theme.value));
  scope.effect(() => setAttribute(root, "data-finding", session.findings.isOpen.value ? "" : null));
  scope.effect(() => setAttribute(root, "data-gesture", state.isGesturing.value ? "" : null));
  scope.effect(() => setAttribute(root, "data-away", session.presence.value === "absent" ? "" : null));
  keepFitted(session, state, scope);
  clearPreviews(session, hover, timer, scope);
  trackFocus(root, state, gestures, scope);
  // After a click with the pointer the keys belong to the photo again: Enter accepts, whatever was clicked last.
  scope.listen(root, "click", (event) => {
    const isButton = event.target instanceof Element && event.target.closest("button, .sw-row") !== null;
    const isTyping = event.target instanceof HTMLInputElement;
    if (event.detail > 0 && isButton && !isTyping && !state.isHelpOpen.value) focusStage();
  });
  listenToKeys(
    root,
    actions(commands, desk, gestures, {
      everything: findEverything,
      leave: () => leave(state, gestures, commands, closeHelp, root),
    }),
    scope,
  );
  listenToSpace(root, gestures, commands, scope);

  host.replaceChildren(root);
  scope.onEnd(() => {
    hover.end();
    root.remove();
  });
  session.greet(scope);
}

/** Sends a change of the document, and follows it to the screen where the user's moment is known. */
function intend(session: Session, hover: HoverPreview, timer: ClickTimer, request: Request, at_ms?: number): void {
  hover.clear();
  session.failure.value = null;
  // The id is known to the callbacks only after request() returns, and no answer comes before that.
  const id = session.request(request, {
    onAnswer: ({ kind }) => {
      if (id === null) return;
      if (kind === "masks") timer.answered(id);
      else if (kind === "error") timer.failed(id);
      else timer.done(id);
    },
  });
  if (id !== null && at_ms !== undefined) timer.start(id, at_ms);
}

/** Fits each new photo; afterwards only while the user has not chosen a view. */
function keepFitted(session: Session, state: ViewState, scope: Scope): void {
  let shown: string | null = null;
  scope.effect(() => {
    const photo = session.photo.value;
    const stage = state.stage.value;
    if (!photo || stage.width === 0 || stage.height === 0) return;
    if (photo.id !== shown) state.isFitted.value = true;
    shown = photo.id;
    const view = state.viewport.peek();
    state.viewport.value = state.isFitted.peek() ? fitted(photo.size, stage) : clamp(view, photo.size, stage);
  });
}

/** A preview is of a photo, a tool and a moment without an object in hand. */
function clearPreviews(session: Session, hover: HoverPreview, timer: ClickTimer, scope: Scope): void {
  scope.effect(() => {
    session.document.value;
    timer.documentChanged();
    hover.clear();
  });
  scope.effect(() => {
    session.photo.value;
    session.settings.tool.value;
    session.settings.hover.value;
    hover.clear();
  });
}

function trackFocus(root: HTMLElement, state: ViewState, gestures: Gestures, scope: Scope): void {
  scope.listen(root, "focusin", () => {
    state.hasFocus.value = true;
  });
  // The ring is for the keyboard; a focus that a click has set shows in the border alone.
  scope.listen(root, "pointerdown", () => root.removeAttribute("data-keys"), { capture: true });
  for (const type of ["keydown", "keyup"] as const) {
    scope.listen(root, type, () => root.setAttribute("data-keys", ""), { capture: true });
  }
  scope.listen(root, "focusout", (event) => {
    if (event.relatedTarget instanceof Node && root.contains(event.relatedTarget)) return;
    state.hasFocus.value = false;
    gestures.isSpaceDown = false;
  });
}

/** Escape undoes the innermost thing: help, gesture, findings, crosshair, and at last the focus. */
function leave(
  state: ViewState,
  gestures: Gestures,
  commands: Commands,
  closeHelp: () => void,
  root: HTMLElement,
): void {
  if (state.isHelpOpen.value) {
    closeHelp();
  } else if (!gestures.cancel() && !commands.leaveFindings()) {
    if (state.crosshair.value) {
      state.crosshair.value = null;
      state.corner.value = null;
    } else {
      const focused = (root.getRootNode() as Document | ShadowRoot).activeElement;
      if (focused instanceof HTMLElement) focused.blur();
    }
  }
}

function listenToSpace(root: HTMLElement, gestures: Gestures, commands: Commands, scope: Scope): void {
  scope.listen(root, "keyup", (event) => {
    if (event.key !== " " || !gestures.isSpaceDown) return;
    if (!gestures.wasSpaceUsed) commands.place();
    gestures.isSpaceDown = false;
    gestures.wasSpaceUsed = false;
  });
}

/** Tells what is on the screen, for tests that must not guess how long drawing takes. */
function report(root: HTMLElement, { session, state, hover }: Desk, stage: Stage, frame: Frame): void {
  const { scale, x, y } = state.viewport.value;
  const corner = stage.element.getBoundingClientRect();
  const { phase } = session.status.value;
  const { objects, active } = session.document.value;
  const { findings } = session;
  const told = {
    phase,
    objects: objects.length,
    active,
    revision: frame.revision,
    pending: session.link.pending.value.length,
    image: session.photo.value?.id ?? null,
    tool: session.settings.tool.value,
    threshold: session.settings.threshold.value,
    preview: hover.preview.value !== null,
    findings: {
      phase: findings.phase.value,
      done: findings.progress.value.done,
      found: findings.found.value.length,
      kept: findings.kept.value.size,
    },
    // client = image * scale + (x, y), true until the page scrolls; `stage` is from the corner of the stage.
    client: { scale, x: x + corner.left, y: y + corner.top },
    stage: { scale, x, y },
  };
  setAttribute(root, "data-sw-state", JSON.stringify(told));
}
