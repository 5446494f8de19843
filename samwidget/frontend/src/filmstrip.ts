// The photos of a folder as one view lists them: the rows that pass its filter, by position, and their thumbnails, by index.
// Asks the kernel for what is in sight and not here, or out of date. panels/filmstrip.ts draws it, commands/turning.ts turns.

import { computed, type ReadonlySignal, signal } from "@preact/signals-core";

import type { Scope } from "./dom.ts";
import type { ImageRow, ImageState, Request } from "./protocol.ts";
import type { Session } from "./session.ts";

/** Rows of one request. */
const PAGE_ROWS = 50;
const THUMBNAILS_PER_REQUEST = 50;
/** Thumbnails that are kept, some 5 kB each. */
const THUMBNAILS_MAX = 500;
/** Thumbnails are asked for when the strip has rested this long: what flies past is not made. */
const THUMBNAILS_AFTER_MS = 100;
const REPLY_WITHIN_MS = 15_000;

/** Which photos the strip has; null takes all. */
export interface ImageFilter {
  state: ImageState | null;
  class: string | null;
}

export const ALL_IMAGES: ImageFilter = { state: null, class: null };

/** An address of the picture; empty where `problem` says why there is none. */
export interface Thumbnail {
  url: string;
  problem: string;
}

export class Filmstrip {
  readonly filter = signal<ImageFilter>(ALL_IMAGES);
  readonly isFiltered = computed(() => this.filter.value.state !== null || this.filter.value.class !== null);
  /** How many photos pass the filter. */
  readonly total: ReadonlySignal<number>;
  /** Counts the replies, so that a panel can wait for a row or a thumbnail. */
  readonly arrivals = signal(0);
  /** The row of the photo on the screen, whether it passes the filter or not; null until it comes. */
  readonly present = signal<ImageRow | null>(null);

  readonly #session: Session;
  readonly #filteredTotal = signal(0);
  /** By position among those that pass the filter. */
  readonly #rows = new Map<number, ImageRow>();
  readonly #freshPages = new Set<number>();
  readonly #askedPages = new Map<number, Promise<void>>();
  /** By index, in the order of use, the oldest first. */
  readonly #thumbnails = new Map<number, Thumbnail>();
  readonly #askedThumbnails = new Set<number>();
  #inSight: [from: number, to: number] = [0, 0];
  /** Counts changes of rows, and of the filter: a reply to an earlier request is out of date. */
  #version = 0;
  #filterVersion = 0;
  #isAskingPresent = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(session: Session, scope: Scope) {
    this.#session = session;
    this.total = computed(() =>
      this.isFiltered.value ? this.#filteredTotal.value : (session.images.value?.count ?? 0),
    );
    scope.watch([session.images, session.returns], (images) => {
      if (!images) return;
      this.#version++;
      this.#freshPages.clear();
      if (this.present.value?.index !== images.index) this.present.value = null;
      this.#askPresent();
      this.#ask();
    });
    scope.onChange([this.filter], () => {
      this.#filterVersion++;
      this.#version++;
      this.#rows.clear();
      this.#freshPages.clear();
      this.#askedPages.clear();
      this.#filteredTotal.value = 0;
      this.arrivals.value++;
      void this.#askPage(0);
    });
    scope.onEnd(() => {
      clearTimeout(this.#timer);
      for (const { url } of this.#thumbnails.values()) URL.revokeObjectURL(url);
    });
  }

  /** The row at this position; undefined until it comes. */
  row(position: number): ImageRow | undefined {
    return this.#rows.get(position);
  }

  /** The picture of the photo with this index; undefined until it comes. */
  thumbnail(index: number): Thumbnail | undefined {
    const thumbnail = this.#thumbnails.get(index);
    if (!thumbnail) return undefined;
    this.#thumbnails.delete(index);
    this.#thumbnails.set(index, thumbnail);
    return thumbnail;
  }

  /** Says which positions are in sight: what is missing of them is asked for. */
  show(from: number, to: number): void {
    if (!this.#session.images.value) return;
    this.#inSight = [from, to];
    this.#ask();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#askThumbnails();
    }, THUMBNAILS_AFTER_MS);
  }

  /** The position of the first photo with this index or a larger one, among those that pass the filter. */
  async positionOf(index: number): Promise<number> {
    if (!this.isFiltered.value) return index;
    if (!this.#rows.has(0)) await this.#askPage(0);
    let [from, to] = [0, this.total.value];
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      const row = await this.#rowAt(middle);
      if (row && row.index < index) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** The index of the photo before (-1) or after (1) this one, among those that pass the filter; null where there is none. */
  async neighbour(index: number, step: 1 | -1): Promise<number | null> {
    const position = await this.positionOf(index);
    const isListed = (await this.#rowAt(position))?.index === index;
    const row = await this.#rowAt(step > 0 && !isListed ? position : position + step);
    return row?.index ?? null;
  }

  async #rowAt(position: number): Promise<ImageRow | undefined> {
    if (position < 0 || position >= this.total.value) return undefined;
    if (!this.#rows.has(position)) await this.#askPage(pageOf(position));
    return this.#rows.get(position);
  }

  /** Asks for the pages in sight that are not here, or out of date. */
  #ask(): void {
    const [from, to] = this.#inSight;
    if (to <= from) return;
    for (let page = pageOf(from); page <= pageOf(to - 1); page++) {
      if (!this.#freshPages.has(page)) void this.#askPage(page);
    }
  }

  #askPage(page: number): Promise<void> {
    const known = this.#askedPages.get(page);
    if (known) return known;
    const version = this.#version;
    const filterVersion = this.#filterVersion;
    const asked = new Promise<void>((resolve) => {
      this.#list(page * PAGE_ROWS, PAGE_ROWS, this.filter.value, (rows, total) => {
        resolve();
        if (filterVersion !== this.#filterVersion) return;
        this.#askedPages.delete(page);
        if (!rows) return;
        for (const [i, row] of rows.entries()) this.#rows.set(page * PAGE_ROWS + i, row);
        this.#filteredTotal.value = total;
        for (const position of this.#rows.keys()) if (position >= total) this.#rows.delete(position);
        if (version === this.#version) this.#freshPages.add(page);
        else this.#ask();
        this.arrivals.value++;
        if (this.#timer === undefined) this.#askThumbnails();
      });
    });
    this.#askedPages.set(page, asked);
    return asked;
  }

  #askPresent(): void {
    if (this.#isAskingPresent) return;
    const index = this.#session.images.value?.index ?? 0;
    const version = this.#version;
    this.#isAskingPresent = true;
    this.#list(index, 1, ALL_IMAGES, (rows) => {
      this.#isAskingPresent = false;
      const row = rows?.[0];
      if (row && row.index === this.#session.images.value?.index) this.present.value = row;
      if (rows && version !== this.#version) this.#askPresent();
    });
  }

  /** `onEnd` gets null where no rows came. */
  #list(
    first: number,
    count: number,
    filter: ImageFilter,
    onEnd: (rows: ImageRow[] | null, total: number) => void,
  ): void {
    const states = filter.state === null ? null : [filter.state];
    const request: Request = { kind: "list_images", first, count, states, class: filter.class };
    const id = this.#session.request(request, {
      timeout_ms: REPLY_WITHIN_MS,
      onReply: (reply) => (reply.kind === "images" ? onEnd(reply.images, reply.total) : onEnd(null, 0)),
      onTimeout: () => onEnd(null, 0),
    });
    if (id === null) onEnd(null, 0);
  }

  #askThumbnails(): void {
    const [from, to] = this.#inSight;
    const missing: number[] = [];
    for (let position = from; position < to && missing.length < THUMBNAILS_PER_REQUEST; position++) {
      const index = this.#rows.get(position)?.index;
      if (index === undefined || this.#thumbnails.has(index) || this.#askedThumbnails.has(index)) continue;
      missing.push(index);
    }
    if (missing.length === 0) return;
    for (const index of missing) this.#askedThumbnails.add(index);
    const end = () => {
      for (const index of missing) this.#askedThumbnails.delete(index);
    };
    const id = this.#session.request(
      { kind: "thumbnails", images: missing },
      {
        timeout_ms: REPLY_WITHIN_MS,
        onReply: (reply) => {
          if (reply.kind === "thumbnail") this.#keep(reply.image, reply.bytes, reply.mime, reply.problem ?? "");
          else end();
        },
        onTimeout: end,
      },
    );
    if (id === null) end();
  }

  #keep(index: number, bytes: Uint8Array, mime: string, problem: string): void {
    const url = problem ? "" : URL.createObjectURL(new Blob([bytes.slice()], { type: mime }));
    const before = this.#thumbnails.get(index);
    if (before?.url) URL.revokeObjectURL(before.url);
    this.#thumbnails.set(index, { url, problem });
    for (const [oldest, thumbnail] of this.#thumbnails) {
      if (this.#thumbnails.size <= THUMBNAILS_MAX) break;
      URL.revokeObjectURL(thumbnail.url);
      this.#thumbnails.delete(oldest);
    }
    this.arrivals.value++;
  }
}

function pageOf(position: number): number {
  return Math.floor(position / PAGE_ROWS);
}
