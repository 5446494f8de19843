// The state of a view for tests: what is on the screen, as JSON in an attribute of the root, so that a test can wait for
// it and need not guess how long drawing takes. Written only where a test sets the flag before the view opens, since it
// costs a layout and some JSON in each frame.

import { type Scope, setAttribute } from "./dom.ts";
import { shownPolygons } from "./outline.ts";
import { dotState, urgentMessage } from "./panels/state_texts.ts";
import type { StageCanvases } from "./stage/canvases.ts";
import type { View } from "./view.ts";

const FLAG = "samwidgetReportsState";
const ATTRIBUTE = "data-sw-state";

/** Reports after each drawn frame, and draws a frame for each change that is reported. */
export function reportState(view: View, canvases: StageCanvases, scope: Scope): void {
  if (!(FLAG in globalThis)) return;
  let state = {};
  scope.effect(() => {
    state = describe(view);
    canvases.requestFrame();
  });
  scope.watch([canvases.frame], (frame) => {
    if (!frame) return;
    const { revision } = frame;
    const { scale, x, y } = view.state.viewport.value;
    const corner = canvases.element.getBoundingClientRect();
    // client = image * scale + (x, y), true until the page scrolls; `stage` counts from the corner of the stage.
    const positions = { client: { scale, x: x + corner.left, y: y + corner.top }, stage: { scale, x, y } };
    setAttribute(view.root, ATTRIBUTE, JSON.stringify({ ...state, ...positions, revision }));
  });
}

function describe({ session, state, hover }: View): object {
  const { objects, active } = session.document.value;
  const { everything, settings } = session;
  const outline = state.outline.value;
  return {
    phase: session.status.value.phase,
    dot: dotState(session),
    urgent: urgentMessage(session),
    failure: session.failure.value?.code ?? null,
    objects: objects.length,
    active,
    pointed: state.pointedObject.value,
    pending: session.link.pending.value.length,
    image: session.photo.value?.id ?? null,
    index: state.isTurning.value ? null : (session.images.value?.index ?? null),
    tool: settings.tool.value,
    threshold: settings.threshold.value,
    opacity: settings.opacity.value,
    corners: outline && shownPolygons(outline).map((polygon) => polygon.map(({ x, y }) => [x, y])),
    preview: hover.preview.value !== null,
    pointer: state.pointer.value !== null,
    everything: {
      phase: everything.phase.value,
      done: everything.progress.value.done,
      foundCount: everything.foundObjects.value.length,
      keptCount: everything.keptIds.value.size,
    },
  };
}
