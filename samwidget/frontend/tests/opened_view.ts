// A view with its canvases, gestures, keys and focus, but without panels: real modules on a fake model. The tests give it
// DOM events and read the requests that come out. Frames are drawn when a test says so.

import { signal } from "@preact/signals-core";

import { keyActions, listenToSpace } from "../src/commands/actions.ts";
import { typeName } from "../src/commands/naming.ts";
import { watchOutline } from "../src/commands/outline.ts";
import { watchTurning } from "../src/commands/turning.ts";
import { Scope } from "../src/dom.ts";
import { watchFocus } from "../src/focus.ts";
import { listenToKeys } from "../src/keyboard.ts";
import { namePanel } from "../src/panels/name.ts";
import type { DocumentSummary, ImageRow, ImagesSummary, ObjectSummary, Request } from "../src/protocol.ts";
import { type Photo, Session } from "../src/session.ts";
import { StageCanvases } from "../src/stage/canvases.ts";
import { Gestures } from "../src/stage/gestures.ts";
import { View } from "../src/view.ts";
import { fitted, type Point, toScreen } from "../src/viewport.ts";
import { FakeModel, FRAME, mask, stubBrowser } from "./fakes.ts";

/** CSS pixels; the stage does not begin at the corner of the page. */
export const STAGE = { left: 100, top: 50, width: 900, height: 600 };
export const PHOTO: Photo = {
  id: "a",
  size: { width: 600, height: 400 },
  bitmap: { width: 600, height: 400, close() {} } as ImageBitmap,
};

export const object = (changes: Partial<ObjectSummary> = {}): ObjectSummary => ({
  id: 1,
  name: "cup",
  colour: "#7048e8",
  visible: true,
  score: 0.9,
  area: 300,
  box: [46, 93, 66, 108],
  mask: "m1",
  points: [],
  prompt_box: null,
  level: null,
  class: null,
  locked: false,
  ...changes,
});

/** `count` rows of a folder, all of them new. */
export const imageRows = (count: number, changes: Record<number, Partial<ImageRow>> = {}): ImageRow[] =>
  Array.from({ length: count }, (_, index) => ({
    index,
    name: `${index}.jpg`,
    state: "new",
    objects: 0,
    classes: [],
    ...changes[index],
  }));

export const documentOf = (objects: ObjectSummary[], active: number | null): DocumentSummary => ({
  revision: 1,
  image: "a",
  active,
  objects,
  candidates: [],
  classes: [],
  active_class: null,
  can_undo: true,
  can_redo: true,
});

export class OpenedView {
  readonly fake = new FakeModel();
  readonly scope = new Scope();
  readonly session: Session;
  readonly view: View;
  readonly canvases: StageCanvases;
  readonly gestures: Gestures;
  /** Callbacks of the next frame, and of the observers of sizes. */
  readonly #frames = new Map<number, FrameRequestCallback>();
  readonly #resizes: ((entries: unknown[]) => void)[] = [];
  disconnected = 0;
  /** Ids of the requests for rows that have their reply. */
  readonly #listed = new Set<string>();

  constructor() {
    stubBrowser();
    this.#stubFrames();
    this.fake.traits.hover = false;
    this.session = new Session(this.fake.model, this.scope.signal);
    this.view = new View(this.session, this.scope);
    this.canvases = new StageCanvases(this.view, signal(null), this.scope);
    this.gestures = new Gestures(this.canvases, this.view, this.scope);
    watchFocus(this.view, this.scope);
    watchTurning(this.view, this.gestures, this.scope);
    watchOutline(this.view, this.scope);
    const typed = (event: KeyboardEvent) => typeName(this.view, event);
    listenToKeys(this.view.root, keyActions(this.view, this.gestures), this.scope, typed);
    listenToSpace(this.view, this.gestures, this.scope);
    this.stage.append(namePanel(this.view, this.scope));
    this.view.root.append(this.stage);
    document.body.replaceChildren(this.view.root);
    this.stage.getBoundingClientRect = () => new DOMRect(STAGE.left, STAGE.top, STAGE.width, STAGE.height);
    this.stage.setPointerCapture = () => {};
    this.session.photo.value = PHOTO;
    this.view.state.stageSize.value = { width: STAGE.width, height: STAGE.height };
    this.view.state.viewport.value = fitted(PHOTO.size, this.view.state.stageSize.value);
  }

  get stage(): HTMLElement {
    return this.canvases.element;
  }

  /** The requests so far, without their envelopes. */
  get requests(): Request[] {
    return this.fake.sent.map(({ v: _, id: __, after: ___, ...request }) => request as Request);
  }

  /** The newest request. */
  get last(): Request | undefined {
    return this.requests.at(-1);
  }

  /** Sends a pointer event at `at`, image pixels. */
  pointer(type: string, at: Point, init: PointerEventInit = {}): PointerEvent {
    const { x, y } = toScreen(this.view.state.viewport.value, at);
    return this.pointerAt(type, { x: x + STAGE.left, y: y + STAGE.top }, init);
  }

  /** Sends a pointer event at `client`, CSS pixels of the page. */
  pointerAt(type: string, client: Point, init: PointerEventInit = {}): PointerEvent {
    const event = new PointerEvent(`pointer${type}`, {
      bubbles: true,
      cancelable: true,
      pointerId: 1,
      pointerType: "mouse",
      clientX: client.x,
      clientY: client.y,
      ...init,
    });
    this.stage.dispatchEvent(event);
    return event;
  }

  click(at: Point, init: PointerEventInit = {}): void {
    this.pointer("down", at, init);
    this.pointer("up", at, init);
  }

  drag(from: Point, to: Point, init: PointerEventInit = {}): void {
    this.pointer("down", from, init);
    this.pointer("move", { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 }, init);
    this.pointer("move", to, init);
    this.pointer("up", to, init);
  }

  /** Presses a key where the focus is, or else on the photo; returns whether the page may have it. */
  key(key: string, init: KeyboardEventInit = {}, type = "keydown"): boolean {
    const target = this.field ?? this.stage;
    return target.dispatchEvent(new KeyboardEvent(type, { key, bubbles: true, cancelable: true, ...init }));
  }

  /** Types letters as a browser does: each is written into the field that has the focus after its key was pressed. */
  type(text: string): void {
    for (const letter of text) {
      const isFree = this.key(letter);
      if (!isFree || !this.field) continue;
      this.field.setRangeText(letter, this.field.selectionStart ?? 0, this.field.selectionEnd ?? 0, "end");
      this.field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  /** The field for a name; null while no name is being written. */
  get field(): HTMLInputElement | null {
    return this.view.root.querySelector<HTMLInputElement>('[data-sw="name-field"]');
  }

  /** The kernel has carried out the oldest request that is pending. */
  done(): void {
    this.fake.receive({ kind: "done", re: this.session.link.pending.value[0]?.id });
  }

  /** Presses and releases the space bar. */
  space(): void {
    this.key(" ");
    this.key(" ", {}, "keyup");
  }

  /** The kernel changes the document. */
  show(objects: ObjectSummary[], active: number | null = null): void {
    this.fake.change("document", documentOf(objects, active));
  }

  /** The kernel says which photo of a folder it has, and how far all are. */
  showImages(changes: Partial<ImagesSummary> = {}): void {
    const counts = { new: 8, in_work: 1, done: 3, skipped: 0, to_check: 0 };
    this.fake.change("images", { count: 12, index: 2, revision: 1, counts, ready: 0, ...changes });
  }

  /** The kernel replies to the newest request of `kind`. */
  reply(kind: Request["kind"], message: object, buffers: Uint8Array[] = []): void {
    this.fake.receive({ re: this.fake.last(kind).id, ...message }, buffers);
  }

  /** The kernel replies to all requests for rows that wait, with those of `rows` that they ask for. */
  listImages(rows: readonly ImageRow[]): void {
    for (const request of [...this.fake.sent]) {
      if (request.kind !== "list_images" || this.#listed.has(request.id)) continue;
      this.#listed.add(request.id);
      const { first, count, states, class: name, id: re } = request;
      const passes = ({ state, classes }: ImageRow) =>
        (states?.includes(state) ?? true) && (!name || classes.includes(name));
      const passing = rows.filter(passes);
      this.fake.receive({
        kind: "images",
        re,
        first,
        total: passing.length,
        images: passing.slice(first, first + count),
      });
    }
  }

  /** The kernel sends a mask of x 46.9 to 65.6 and y 93.8 to 107.9, image pixels; larger with more logits. */
  sendMask(id: string, width = 4, height = 3): void {
    const { header, buffer } = mask(id, width, height);
    this.fake.receive({ kind: "masks", image: "a", frame: FRAME, masks: [header] }, [buffer]);
  }

  /** Draws the frame that was requested; false where none was. */
  drawFrame(now_ms = performance.now()): boolean {
    const callbacks = [...this.#frames.values()];
    this.#frames.clear();
    for (const callback of callbacks) callback(now_ms);
    return callbacks.length > 0;
  }

  /** The browser lays the stage out anew. */
  resize(width: number, height: number, pixelRatio = 1): void {
    const device = [{ inlineSize: width * pixelRatio, blockSize: height * pixelRatio }];
    for (const resize of this.#resizes) resize([{ contentRect: { width, height }, devicePixelContentBoxSize: device }]);
  }

  #stubFrames(): void {
    const opened = this;
    let count = 0;
    Object.assign(globalThis, {
      requestAnimationFrame: (callback: FrameRequestCallback) => {
        this.#frames.set(++count, callback);
        return count;
      },
      cancelAnimationFrame: (id: number) => this.#frames.delete(id),
      ResizeObserver: class {
        constructor(callback: (entries: unknown[]) => void) {
          opened.#resizes.push(callback);
        }
        observe() {}
        disconnect() {
          opened.disconnected++;
        }
      },
    });
  }
}
