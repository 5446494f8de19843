// Panel: the candidates of the active object, as small pictures to choose from, and the button that accepts the object.

import { h, type Scope, setAttribute, setText } from "../dom.ts";
import { icon } from "../icons.ts";
import { formatScore } from "../numbers.ts";
import type { Box, CandidateSummary } from "../protocol.ts";
import type { Session } from "../session.ts";
import type { View } from "../view.ts";
import type { Extent } from "../viewport.ts";
import { SmallCopy } from "./small_copy.ts";

/** CSS pixels of the largest picture; a narrow cell shows the middle of it. */
const PICTURE: Extent = { width: 58, height: 48 };
/** Room around the largest candidate, part of its size. */
const MARGIN = 0.12;
const BACKDROP_SIDE_MAX = 480;
const VEIL = "rgb(20 22 26 / 0.64)";

export function candidatesPanel(view: View, scope: Scope): HTMLElement {
  const { session, state } = view;
  const list = h("div", { class: "sw-cands", role: "group", "aria-label": "Candidates" });
  const accept = h(
    "button",
    {
      class: "sw-action sw-first sw-accept",
      type: "button",
      "data-sw": "accept",
      "aria-label": "Accept (Enter)",
      title: "Accept (Enter)",
    },
    icon("check"),
    h("span", {}, "Accept"),
    h("kbd", { class: "sw-key", "aria-hidden": "true" }, "⏎"),
  );
  const mend = h(
    "button",
    {
      class: "sw-action sw-second sw-mend-switch",
      type: "button",
      "data-sw": "mend-switch",
      "aria-label": "Mend the mask",
      title: "Mend the mask: smooth, grow, shrink, fill holes, drop islands",
    },
    icon("adjust"),
  );
  const element = h("div", { class: "sw-candidates" }, list, mend, accept);
  const buttons: CandidateButton[] = [];
  const backdrop = new SmallCopy(BACKDROP_SIDE_MAX, VEIL);
  let frame = 0;

  scope.listen(mend, "click", () => {
    state.isMending.value = !state.isMending.value;
  });
  scope.effect(() => setAttribute(mend, "aria-pressed", String(state.isMending.value)));
  scope.listen(accept, "click", () => view.request({ kind: "accept" }));
  scope.listen(list, "click", (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>(".sw-cand") : null;
    if (button) view.request({ kind: "choose", level: Number(button.dataset.level) });
  });
  scope.effect(() => {
    const { candidates } = session.document.value;
    const active = state.active.value;
    if (!active) return;
    while (buttons.length < candidates.length) {
      const made = candidateButton(buttons.length);
      buttons.push(made);
      list.append(made.element);
    }
    const chosen = chosenLevel(session) ?? active.level;
    for (const [level, button] of buttons.entries()) showCandidate(button, candidates[level], level === chosen);
    list.hidden = candidates.length === 0;
    // A mask that was drawn has no candidates to switch to.
    mend.hidden = list.hidden;
  });
  scope.watch([session.document, session.masks.arrivals, session.settings.threshold, session.photo], () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => drawPictures(view, backdrop, buttons));
  });
  scope.onEnd(() => cancelAnimationFrame(frame));
  return element;
}

interface CandidateButton {
  element: HTMLButtonElement;
  picture: HTMLCanvasElement;
  score: HTMLElement;
}

function candidateButton(level: number): CandidateButton {
  const picture = h("canvas", { class: "sw-picture" });
  const score = h("span", {});
  const key = h("kbd", { class: "sw-key", "aria-hidden": "true", "data-text": level + 1 });
  const row = h("span", { class: "sw-cand-row" }, score, key);
  const element = h(
    "button",
    { class: "sw-cand", type: "button", "data-sw": "candidate", "data-level": level },
    picture,
    row,
  );
  return { element, picture, score };
}

function showCandidate(button: CandidateButton, candidate: CandidateSummary | undefined, isChosen: boolean): void {
  button.element.hidden = candidate === undefined;
  if (!candidate) return;
  const { level } = button.element.dataset;
  const score = formatScore(candidate.score);
  setText(button.score, score);
  setAttribute(button.element, "aria-pressed", String(isChosen));
  setAttribute(button.element, "aria-label", `Candidate ${Number(level) + 1}, score ${score}`);
}

/** The level that the user has chosen and the kernel has not confirmed yet. */
function chosenLevel(session: Session): number | undefined {
  const { pending } = session.link;
  for (const { request } of pending.value.toReversed()) if (request.kind === "choose") return request.level;
  return undefined;
}

function drawPictures({ session, state }: View, backdrop: SmallCopy, buttons: readonly CandidateButton[]): void {
  const photo = session.photo.value;
  const active = state.active.value;
  if (!photo || !active) return;
  const { candidates } = session.document.value;
  const part = commonPart(session, candidates, photo.size);
  const ratio = Math.max(1, devicePixelRatio);
  for (const [level, { picture }] of buttons.entries()) {
    const candidate = candidates[level];
    const context = picture.getContext("2d");
    if (!candidate || !context) continue;
    picture.width = Math.round(PICTURE.width * ratio);
    picture.height = Math.round(PICTURE.height * ratio);
    const scale = picture.width / (part[2] - part[0]);
    context.setTransform(scale, 0, 0, scale, -part[0] * scale, -part[1] * scale);
    context.drawImage(backdrop.of(photo), 0, 0, photo.size.width, photo.size.height);
    const path = session.masks.path(candidate.mask, session.settings.threshold.value);
    if (!path) continue;
    context.fillStyle = `color-mix(in srgb, ${active.colour}, white 42%)`;
    context.fill(path, "evenodd");
  }
}

/** The part of the image that all pictures show, so that their sizes compare: around the largest candidate. */
function commonPart(session: Session, candidates: readonly CandidateSummary[], photo: Extent): Box {
  const boxes = candidates.map(({ mask }) => session.masks.extent(mask)).filter((box) => box !== null);
  const around: Box =
    boxes.length === 0
      ? [0, 0, photo.width, photo.height]
      : [
          Math.min(...boxes.map((box) => box[0])),
          Math.min(...boxes.map((box) => box[1])),
          Math.max(...boxes.map((box) => box[2])),
          Math.max(...boxes.map((box) => box[3])),
        ];
  const aspect = PICTURE.width / PICTURE.height;
  const wanted = Math.max(around[2] - around[0], (around[3] - around[1]) * aspect, 1) * (1 + MARGIN);
  const width = Math.min(wanted, Math.max(photo.width, photo.height * aspect));
  const height = width / aspect;
  const x = within((around[0] + around[2] - width) / 2, width, photo.width);
  const y = within((around[1] + around[3] - height) / 2, height, photo.height);
  return [x, y, x + width, y + height];
}

/** The nearest start of an interval of `length` inside 0..`room`; centred where it is longer. */
function within(start: number, length: number, room: number): number {
  return length >= room ? (room - length) / 2 : Math.min(room - length, Math.max(0, start));
}
