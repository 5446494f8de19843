// The search of everything as the view sees it: its steps are jobs of the kernel, found masks are sent as they come, and undo
// brings back what had been found. everything.ts has the search itself.

import type { Failure } from "../protocol.ts";
import type { Document } from "./document.ts";
import { type FoundMask, type Options, Search, summaryOf } from "./everything.ts";
import { failureOf } from "./failures.ts";
import type { Jobs } from "./jobs.ts";
import type { Network } from "./network.ts";
import type { Packer } from "./pack.ts";
import { NO_COLOUR } from "./values.ts";

export interface SearchingOptions {
  photo: { id: string; size_hw: [number, number] };
  everything: Options;
  document: Document;
  packer: Packer;
  jobs: Jobs;
  /** Throws where no network is loaded. */
  network: () => Network;
  send: (message: Record<string, unknown>, buffers?: readonly Uint8Array[]) => void;
}

export class Searching {
  readonly #options: SearchingOptions;
  /** What the view shows. */
  #search: Search | null = null;

  constructor(options: SearchingOptions) {
    this.#options = options;
  }

  /** Begins a search, which takes the place of the one before. */
  begin(re: string, side: number | null): void {
    this.#end(this.#search, "cancelled");
    const { photo, everything, jobs } = this.#options;
    const search = new Search(re, photo.size_hw, side ?? everything.points_per_side, everything);
    this.#search = search;
    this.#sendFound(search, [], [], true);
    jobs.submit(() => this.#step(search));
  }

  cancel(): void {
    this.#end(this.#search, "cancelled");
  }

  /** Sends all that is found, to a view that has nothing yet. */
  sendAll(re: string): void {
    if (this.#search) this.#sendFound(this.#search, [...this.#search.masks.values()], [], true, re);
  }

  /** Makes objects of found masks, and forgets the others, in one step of the history; returns those that it kept. */
  keep(ids: readonly number[]): FoundMask[] {
    const { document } = this.#options;
    const chosen = ids.flatMap((id) => this.#search?.masks.get(id) ?? []);
    if (chosen.length > 0) this.#hold();
    // Large ones first: later objects are drawn over earlier ones.
    const ordered = chosen.sort((a, b) => b.measures.area - a.measures.area);
    document.keepFound(ordered.map(({ draft }) => draft));
    document.discardFound();
    return ordered;
  }

  discard(): void {
    this.#hold();
    this.#options.document.discardFound();
    this.show(null);
  }

  /** Moves in the history, and shows what had been found there. */
  move(move: () => void): void {
    this.#hold();
    const before = this.#options.document.state.search;
    move();
    const after = this.#options.document.state.search;
    if (after !== before) this.show(after);
  }

  /** Shows what a search has found; null takes what is shown away. */
  show(search: Search | null): void {
    const before = this.#search;
    this.#search = search;
    if (search) this.#sendFound(search, [...search.masks.values()], [], true);
    else if (before) this.#sendFound(before, [], [], true);
  }

  async #step(search: Search): Promise<void> {
    if (search.phase !== "running") return;
    try {
      const begin_ms = performance.now();
      const masks = await this.#options.network().predict(search.next());
      // Another job of the view may have ended the search meanwhile.
      if (search.phase !== "running") return;
      const { added, removed } = search.take(masks, this.#options.packer, performance.now() - begin_ms);
      const coloured = this.#coloured(search, added);
      search.keep(coloured);
      this.#sendFound(search, coloured, removed);
      if (search.done < search.total) this.#options.jobs.submit(() => this.#step(search));
      else this.#end(search, "done");
    } catch (error) {
      this.#end(search, "failed", failureOf(error));
    }
  }

  #coloured(search: Search, added: readonly FoundMask[]): FoundMask[] {
    const drafts = added.map(({ draft }) => ({ ...draft, colour: draft.colour || NO_COLOUR }));
    const others = [...search.masks.values()].sort((a, b) => b.measures.area - a.measures.area);
    const coloured = this.#options.document.inColour(
      drafts,
      others.map(({ draft }) => draft),
    );
    return added.map((mask, index) => ({ ...mask, draft: coloured[index] as FoundMask["draft"] }));
  }

  #end(search: Search | null, phase: "done" | "cancelled" | "failed", failure?: Failure): void {
    if (search?.phase !== "running") return;
    search.phase = phase;
    if (search === this.#search) this.#sendFound(search, [], []);
    if (failure) this.#options.send({ kind: "error", ...failure, re: search.re });
    else this.#options.send({ kind: "done", re: search.re });
  }

  #sendFound(search: Search, added: FoundMask[], removed: number[], isWhole = false, re?: string): void {
    const message = {
      kind: "found",
      image: this.#options.photo.id,
      search: search.name,
      search_kind: "everything",
      phase: search === this.#search ? search.phase : "none",
      done: search.done,
      total: search.done === 0 ? 0 : search.total,
      is_whole: isWhole,
      added: added.map(summaryOf),
      removed,
      masks: added.map(({ packed }) => packed.header),
      ...(added[0] ? { frame: added[0].draft.frame } : {}),
      ...(search.secondsLeft === undefined ? {} : { seconds_left: search.secondsLeft }),
      ...(re === undefined ? {} : { re }),
    };
    this.#options.send(
      message,
      added.map(({ packed }) => packed.bytes),
    );
  }

  /** Makes what the present search has found a step of the history; the search ends. */
  #hold(): void {
    const search = this.#search;
    if (!search) return;
    this.#end(search, "cancelled");
    this.#options.document.holdFound(search);
  }
}
