// The document as its summary, the trait that the view reads: samwidget/widget/wire/encode.py.

import type { DocumentSummary } from "../protocol.ts";
import { type Measures, type Packer, rounded } from "./pack.ts";
import { type State, shownLevel } from "./state.ts";
import type { SegmentedObject } from "./values.ts";

/** The trait `document`. */
export function summarise(
  state: State,
  history: { revision: number; canUndo: boolean; canRedo: boolean },
  image: string,
  packer: Packer,
  measure: (item: SegmentedObject) => Measures,
): DocumentSummary {
  const active = state.objects.findIndex(({ id }) => id === state.active);
  const candidates = active < 0 ? null : (state.candidates[active] ?? null);
  return {
    revision: history.revision,
    image,
    active: state.active,
    objects: state.objects.map((item, index) => ({
      id: item.id,
      name: item.name,
      colour: item.colour,
      visible: item.visible,
      score: rounded(item.score),
      ...measure(item),
      mask: packer.of(item.logits, item.frame).header.mask,
      points: [...item.prompt.points],
      prompt_box: item.prompt.box,
      level: shownLevel(state, index),
      class: item.className,
      locked: item.locked,
      levels: { chosen: item.level, refined: item.prompt.level },
    })),
    candidates: packer
      .candidates(candidates)
      .map(({ header }, level) => ({ mask: header.mask, score: rounded(candidates?.scores[level] ?? 0) })),
    classes: state.classes.map(({ name, colour }) => ({
      name,
      colour,
      count: state.objects.filter(({ className }) => className === name).length,
    })),
    active_class: state.activeClass,
    can_undo: history.canUndo,
    can_redo: history.canRedo,
  };
}
