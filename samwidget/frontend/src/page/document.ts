// The objects that the user has made, with their history: samwidget/document/document.py. It never calls a network.

import type { Search } from "./everything.ts";
import { colours, type Photo } from "./palette.ts";
import {
  activateClass,
  activeObject,
  addClass,
  classOf,
  EMPTY_STATE,
  indexOf,
  logitsOf,
  replaced,
  type State,
  setClass,
  shownOf,
  unlocked,
  without,
} from "./state.ts";
import { type Draft, type Masks, NEW, NO_COLOUR, PromptError, type SegmentedObject } from "./values.ts";

/** Steps that are kept: each costs the candidates of one prompt, some MB. */
const STEPS_MAX = 100;

export class Document {
  revision = 0;
  readonly #photo: Photo | null;
  #states: State[] = [EMPTY_STATE];
  #position = 0;
  #nextId = 1;

  constructor(photo: Photo | null) {
    this.#photo = photo;
  }

  get state(): State {
    return this.#states[this.#position] as State;
  }

  get canUndo(): boolean {
    return this.#position > 0;
  }

  get canRedo(): boolean {
    return this.#position + 1 < this.#states.length;
  }

  /** Adds the object of a first prompt, which shows the best candidate; the next prompt refines it. */
  add(masks: Masks): void {
    this.addMany([{ ...NEW, ...shownOf(masks, null) }], [masks], true);
  }

  /** Adds objects in one step, later ones on top. */
  addMany(drafts: readonly Draft[], masks: readonly (Masks | null)[], activates = false): void {
    if (drafts.length === 0) return;
    let state = drafts.reduce(
      (before, { className }) => (className ? addClass(before, className) : before),
      this.state,
    );
    const names = drafts.map(({ className }) => className ?? state.activeClass);
    const coloured = names.every((name) => name !== null) ? drafts : this.inColour(drafts);
    const items = coloured.map((draft, index): SegmentedObject => {
      const id = this.#nextId++;
      const className = names[index] ?? null;
      const colour = className === null ? draft.colour : classOf(state, className).colour;
      return { ...draft, id, name: draft.name || `object ${id}`, colour, className };
    });
    state = { ...state, objects: [...state.objects, ...items], candidates: [...state.candidates, ...masks] };
    this.push(activates ? { ...state, active: items.at(-1)?.id ?? null } : state);
  }

  /** Objects in colours that differ from their neighbours'; they are drawn over those of the document and `others`. */
  inColour<T extends Draft>(drafts: readonly T[], others: readonly Draft[] = []): T[] {
    return this.#coloured(drafts, [...this.state.objects, ...others]);
  }

  refine(id: number, masks: Masks): void {
    const index = unlocked(this.state, id);
    const before = this.state.objects[index] as SegmentedObject;
    this.push(replaced(this.state, index, { ...before, ...shownOf(masks, before.level) }, masks));
  }

  choose(level: number): void {
    const index = unlocked(this.state, activeObject(this.state).id);
    const item = this.state.objects[index] as SegmentedObject;
    const masks = this.state.candidates[index] ?? null;
    const count = masks?.logits.length ?? 0;
    if (!masks || level >= count) {
      throw new PromptError(`${item.name} has no candidate ${level}`, `it has ${count} candidates, from 0`);
    }
    const logits = logitsOf(masks, level);
    this.push(replaced(this.state, index, { ...item, level, logits, score: masks.scores[level] ?? 0 }, masks));
  }

  /** Makes an object active, which is no step of the history; null makes none active. */
  select(id: number | null): void {
    if (id !== null) indexOf(this.state, id);
    if (id !== this.state.active) this.#amend({ ...this.state, active: id });
  }

  activateClass(name: string | null): void {
    const state = activateClass(this.state, name);
    if (state !== this.state) this.#amend(state);
  }

  setClass(ids: readonly number[], name: string | null): void {
    const recolour = (items: SegmentedObject[], others: SegmentedObject[]) =>
      this.#coloured(
        items.map((item) => ({ ...item, colour: NO_COLOUR })),
        others,
      );
    this.change((state) => setClass(state, ids, name, recolour));
  }

  remove(ids: readonly number[]): void {
    if (ids.length > 0) this.push(without(this.state, ids));
  }

  /** Adds found objects, and forgets what else was found, in one step. */
  keepFound(drafts: readonly Draft[]): void {
    if (drafts.length === 0) return;
    this.addMany(
      drafts,
      drafts.map(() => null),
    );
    this.#states[this.#position] = { ...this.state, search: null };
  }

  /** Makes what a search has found a step of the history; what is held already is none. */
  holdFound(search: Search): void {
    if (search !== this.state.search) this.push({ ...this.state, search });
  }

  discardFound(): void {
    if (this.state.search !== null) this.push({ ...this.state, search: null });
  }

  /** Makes a step of the history of another state; the same state is none. */
  change(make: (state: State) => State): void {
    const state = make(this.state);
    if (state !== this.state) this.push(state);
  }

  undo(): void {
    this.#move(-1, this.canUndo);
  }

  redo(): void {
    this.#move(1, this.canRedo);
  }

  push(state: State): void {
    this.#states = [...this.#states.slice(0, this.#position + 1), state].slice(-STEPS_MAX);
    this.#position = this.#states.length - 1;
    this.revision++;
  }

  #amend(state: State): void {
    this.#states[this.#position] = state;
    this.revision++;
  }

  #move(step: number, isPossible: boolean): void {
    if (!isPossible) return;
    this.#position += step;
    this.revision++;
  }

  #coloured<T extends Draft>(drafts: readonly T[], others: readonly Draft[]): T[] {
    const taken = new Set(this.state.classes.map(({ colour }) => colour));
    const chosen = colours(drafts, others, taken, this.#photo);
    return drafts.map((draft, index) => ({ ...draft, colour: chosen[index] as string }));
  }
}
