// The script of a page of the docs site: shows the widget and the exercises where the page has a place for them. Nothing is
// loaded before such a place comes into view; one network serves all places with the same photo.

import { element } from "./elements.ts";
import { choicePanel, clicksPanel, type Exercise } from "./exercise.ts";
import { figurePanel, type PromptFigure } from "./figure.ts";
import { type GridFigure, gridPanel, type SidesFigure, settingsPanel, sidesPanel } from "./grid_panels.ts";
import { LivePhoto, type Progress } from "./photo.ts";
import type { Phrases } from "./result.ts";
import { markPanel, type RobotFigure, robotPanel, truthPanel } from "./robot.ts";
import type { Result } from "./rules.ts";
import { showInSite } from "./scheme.ts";
import {
  type BordersFigure,
  bordersPanel,
  type ThresholdFigure,
  thresholdExercise,
  thresholdPanel,
} from "./threshold.ts";

type Figure =
  | PromptFigure
  | RobotFigure
  | ThresholdFigure
  | BordersFigure
  | GridFigure
  | SidesFigure
  | { kind: "truth"; truth: string };

/** What a lesson's page says of itself. */
interface Lesson extends Phrases {
  number: number;
  exercises: Record<string, Exercise>;
  figures: Record<string, Figure>;
}

const photos = new Map<string, { loading: Promise<LivePhoto>; listeners: Set<Progress> }>();
const lesson = JSON.parse(document.getElementById("samwidget-lesson")?.textContent ?? "null") as Lesson | null;

for (const host of document.querySelectorAll<HTMLElement>("[data-samwidget-live]")) begin(host);

function begin(host: HTMLElement): void {
  const { exercise: number, manifest } = host.dataset;
  const exercise = number ? lesson?.exercises[number] : undefined;
  if (exercise?.kind === "choice") {
    host.replaceChildren(choicePanel(exercise, (result) => mark(number as string, result)));
    return;
  }
  if (!manifest) return;
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    void fill(host, manifest, number ?? "", exercise);
  });
  observer.observe(host);
}

async function fill(
  host: HTMLElement,
  manifest: string,
  number: string,
  exercise: Exercise | undefined,
): Promise<void> {
  const note = element("p", { class: "sw-lesson-loading", role: "status" });
  const bar = element("progress", { max: "1", value: "0", "aria-label": "Loading" });
  const loading = element("div", { class: "sw-lesson-loading" }, note, bar);
  host.append(loading);
  try {
    const photo = await loaded(manifest, (text, share) => {
      note.textContent = text;
      bar.value = share;
    });
    const figure = host.dataset.figure ? lesson?.figures[host.dataset.figure] : undefined;
    if (exercise?.kind === "clicks") {
      const panel = clicksPanel(exercise, photo, number, lesson as Lesson, (result) => mark(number, result));
      host.replaceChildren(panel);
    } else if (exercise?.kind === "mark") {
      host.replaceChildren(markPanel(exercise, photo, lesson as Lesson, (result) => mark(number, result)));
    } else if (exercise?.kind === "set_threshold") {
      host.replaceChildren(thresholdExercise(exercise, photo, lesson as Lesson, (result) => mark(number, result)));
    } else if (exercise?.kind === "settings") {
      host.replaceChildren(settingsPanel(exercise, photo, lesson as Lesson, (result) => mark(number, result)));
    } else if (figure) host.replaceChildren(panelOf(figure, photo));
    else showFront(photo, host);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const isFile = location.protocol === "file:";
    note.textContent = isFile
      ? "The live widget needs a web server, such as python -m http.server in this folder."
      : `The live widget could not be loaded: ${reason}.`;
    bar.remove();
  }
}

function panelOf(figure: Figure, photo: LivePhoto): HTMLElement {
  if (figure.kind === "robot") return robotPanel(figure, photo);
  if (figure.kind === "truth") return truthPanel(figure, photo);
  if (figure.kind === "threshold") return thresholdPanel(figure, photo);
  if (figure.kind === "borders") return bordersPanel(figure, photo);
  if (figure.kind === "grid") return gridPanel(figure, photo);
  if (figure.kind === "sides") return sidesPanel(figure, photo);
  return figurePanel(figure, photo);
}

/** The photo of a manifest, which is loaded once for the page. */
function loaded(manifest: string, progress: Progress): Promise<LivePhoto> {
  const address = new URL(manifest, location.href).href;
  const known = photos.get(address);
  if (known) {
    known.listeners.add(progress);
    return known.loading;
  }
  const listeners = new Set([progress]);
  const loading = LivePhoto.load(address, (text, share) => {
    for (const listener of listeners) listener(text, share);
  });
  photos.set(address, { loading, listeners });
  return loading;
}

/** The widget alone, in the place of its picture. A note that the page keeps hidden says what it is. */
function showFront(photo: LivePhoto, host: HTMLElement): void {
  const note = host.querySelector<HTMLElement>("[hidden]");
  const stage = element("div");
  host.replaceChildren(...(note ? [note] : []), stage);
  note?.removeAttribute("hidden");
  showInSite(
    photo.open("front", () => {}),
    stage,
  );
}

/** Marks an exercise in the list of the page. */
function mark(number: string, result: Result | null): void {
  const item = document.querySelector(`[data-exercise-state="${number}"]`);
  item?.classList.toggle("is-solved", result?.passed === true);
}
