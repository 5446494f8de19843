// Figures of a lesson: the masks of prompts on the photo, with their scores and IoUs.

import type { PointPrompt } from "../../protocol.ts";
import type { Prompt } from "../values.ts";
import { button, element } from "./elements.ts";
import type { CandidateView } from "./messages.ts";
import type { LivePhoto } from "./photo.ts";

/** The candidates of one prompt. */
export interface CandidatesFigure {
  kind: "candidates";
  prompt: Prompt;
  truth: string | null;
}

/** One prompt in each panel: its best candidate, or the outlines of all three with how well they agree. */
export interface WaysFigure {
  kind: "ways";
  truth: string;
  /** With a level, this candidate of the prompt is given back as a mask, without the prompt. */
  ways: readonly { name: string; cost: string; prompt: Prompt; level: number | null }[];
  has_outlines: boolean;
}

/** The candidates of a candidate that was given back as a mask. */
export interface ReturnedFigure {
  kind: "returned";
  prompt: Prompt;
  truth: string;
}

export type PromptFigure = CandidatesFigure | WaysFigure | ReturnedFigure;

export type Colour = readonly [red: number, green: number, blue: number];

/** They can be told apart with any colour vision. */
export const BLUE: Colour = [0, 114, 178];
export const ORANGE: Colour = [230, 159, 0];
export const VERMILION: Colour = [213, 94, 0];
/** The colour as CSS has it. */
export const css = (colour: Colour) => `rgb(${colour.join(" ")})`;
const OUTLINES = [ORANGE, BLUE, VERMILION] as const;

/** A part of the page that shows the figure, which is drawn after it was put there. */
export function figurePanel(figure: PromptFigure, photo: LivePhoto): HTMLElement {
  const panels = element("div", { class: "sw-lesson-figure" });
  const fail = (error: unknown) => panels.replaceChildren(element("p", {}, `The figure cannot be drawn: ${error}.`));
  if (figure.kind !== "returned") {
    void (figure.kind === "ways" ? showWays(figure, photo, panels) : showCandidates(figure, photo, panels)).catch(fail);
    return panels;
  }
  const options = [0, 1, 2].map((level) => {
    const own: HTMLButtonElement = button(`Candidate ${level + 1}`, () => choose(level), "is-option");
    return own;
  });
  const choose = (level: number) => {
    for (const [index, option] of options.entries()) option.setAttribute("aria-pressed", String(index === level));
    void showReturned(figure, level, photo, panels).catch(fail);
  };
  choose(0);
  return element("div", { class: "sw-lesson-panel" }, element("div", { class: "sw-lesson-row" }, ...options), panels);
}

async function showCandidates({ prompt, truth }: CandidatesFigure, photo: LivePhoto, host: HTMLElement): Promise<void> {
  const views = await photo.ask<"candidates">({ kind: "candidates", prompt, truth, threshold: 0 });
  const best = bestOf(views);
  const panels = views.map(async (view, index) =>
    panel(await tinted(photo, view.inside), prompt, [`Candidate ${index + 1}`, measuresText(view)], view === best),
  );
  host.replaceChildren(...(await Promise.all(panels)));
}

async function showReturned(figure: ReturnedFigure, level: number, photo: LivePhoto, host: HTMLElement): Promise<void> {
  const { prompt, truth } = figure;
  const views = await photo.ask<"returned">({ kind: "returned", prompt, level, truth });
  const best = bestOf(views);
  const panels = views.map(async (view, index) =>
    panel(await tinted(photo, view.inside), null, [`Candidate ${index + 1}`, measuresText(view)], view === best),
  );
  host.replaceChildren(...(await Promise.all(panels)));
}

async function showWays({ ways, truth, has_outlines }: WaysFigure, photo: LivePhoto, host: HTMLElement): Promise<void> {
  const panels: HTMLElement[] = [];
  for (const { name, cost, prompt, level } of ways) {
    const views =
      level === null
        ? await photo.ask<"candidates">({ kind: "candidates", prompt, truth, threshold: 0 })
        : await photo.ask<"returned">({ kind: "returned", prompt, level, truth });
    const best = bestOf(views);
    const [lines, canvas] = has_outlines
      ? [
          [name, cost, `agreement ${agreementOf(views).toFixed(2)}`, `IoU ${best.iou?.toFixed(2)}`],
          outlined(photo, views),
        ]
      : [[name, measuresText(best)], tinted(photo, best.inside)];
    panels.push(panel(await canvas, level === null ? prompt : null, lines, false));
  }
  host.replaceChildren(...panels);
}

function bestOf(views: readonly CandidateView[]): CandidateView {
  return views.reduce((best, view) => (view.score > best.score ? view : best));
}

/** The mean IoU of each two candidates: 1 where all are the same mask. */
export function agreementOf(views: readonly Pick<CandidateView, "inside">[]): number {
  const pairs = views.flatMap((view, index) => views.slice(index + 1).map((other) => [view, other] as const));
  const overlaps = pairs.map(([a, b]) => {
    let [both, either] = [0, 0];
    for (let at = 0; at < a.inside.length; at++) {
      const sum = (a.inside[at] as number) + (b.inside[at] as number);
      if (sum === 2) both++;
      if (sum > 0) either++;
    }
    return either === 0 ? 1 : both / either;
  });
  return overlaps.reduce((sum, overlap) => sum + overlap, 0) / overlaps.length;
}

function measuresText({ score, iou }: CandidateView): string {
  return `score ${score.toFixed(2)}${iou === null ? "" : `, IoU ${iou.toFixed(2)}`}`;
}

function panel(
  canvas: HTMLCanvasElement,
  prompt: Prompt | null,
  lines: readonly string[],
  isBest: boolean,
): HTMLElement {
  if (prompt) drawPrompt(canvas, prompt);
  const [title, ...rest] = lines as [string, ...string[]];
  canvas.setAttribute("aria-label", lines.join(", "));
  const caption = element("figcaption", {}, element("b", {}, title), ...rest.map((line) => element("span", {}, line)));
  return element("figure", isBest ? { class: "is-best" } : {}, caption, canvas);
}

/** The photo, grey outside of the mask and tinted inside. */
export function tinted(photo: LivePhoto, inside: Uint8Array): Promise<HTMLCanvasElement> {
  return painted(photo, (at, pixel) => (inside[at] ? mixed(pixel, BLUE) : greyed(pixel)));
}

/** The photo in grey, with the outline of each mask. */
function outlined(photo: LivePhoto, views: readonly CandidateView[]): Promise<HTMLCanvasElement> {
  const [, width] = photo.manifest.photo.size_hw;
  const isEdge = ({ inside }: CandidateView, at: number) =>
    inside[at] === 1 && [1, -1, 2, -2, width, -width, 2 * width, -2 * width].some((step) => inside[at + step] === 0);
  return painted(photo, (at, pixel) => {
    const index = views.findIndex((view) => isEdge(view, at));
    return index < 0 ? greyed(pixel) : (OUTLINES[index] as Colour);
  });
}

/** The photo with other colours. */
export async function painted(
  photo: LivePhoto,
  colourOf: (at: number, pixel: Colour) => Colour,
): Promise<HTMLCanvasElement> {
  const [height, width] = photo.manifest.photo.size_hw;
  const canvas = element("canvas", { width: String(width), height: String(height), role: "img" });
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.drawImage(await photo.bitmap, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height);
  for (let at = 0; at < width * height; at++) {
    const [red, green, blue] = pixels.data.subarray(4 * at, 4 * at + 3);
    pixels.data.set(colourOf(at, [red as number, green as number, blue as number]), 4 * at);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

export function greyed([red, green, blue]: Colour): Colour {
  const grey = 0.6 * (0.3 * red + 0.59 * green + 0.11 * blue) + 80;
  return [grey, grey, grey];
}

/** A pixel with a share of another colour. */
export function mixed(pixel: Colour, colour: Colour, share = 0.5): Colour {
  return pixel.map((value, channel) => (1 - share) * value + share * (colour[channel] as number)) as unknown as Colour;
}

/** Included points as discs with a plus, excluded ones as rings with a minus, and the box. */
export function drawPrompt(canvas: HTMLCanvasElement, { points, box }: Prompt): void {
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const unit = canvas.width / 100;
  context.lineWidth = 0.7 * unit;
  if (box) {
    context.strokeStyle = "#ffffff";
    context.strokeRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
  }
  for (const [x, y, label] of points as readonly PointPrompt[]) {
    context.beginPath();
    context.arc(x, y, 2.4 * unit, 0, 2 * Math.PI);
    context.fillStyle = label === 1 ? "#009e73" : "#ffffff";
    context.strokeStyle = label === 1 ? "#ffffff" : "#d55e00";
    context.fill();
    context.stroke();
    context.fillStyle = label === 1 ? "#ffffff" : "#d55e00";
    context.fillRect(x - 1.2 * unit, y - 0.3 * unit, 2.4 * unit, 0.6 * unit);
    if (label === 1) context.fillRect(x - 0.3 * unit, y - 1.2 * unit, 0.6 * unit, 2.4 * unit);
  }
}
