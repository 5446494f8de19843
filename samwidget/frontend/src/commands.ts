// What keys and buttons do. Each command reads the state and emits requests or moves the view; none draws.

import type { Actions } from "./keyboard.ts";
import type { Gestures } from "./stage/gestures.ts";
import { pickAt } from "./tools/pick.ts";
import { addPoint } from "./tools/point.ts";
import { selectAt } from "./tools/select.ts";
import type { Desk } from "./tools/tool.ts";
import type { ToolName } from "./traits.ts";
import {
  boxBetween,
  type Extent,
  fitted,
  type Point,
  panBy,
  scaleAt,
  toScreen,
  type Viewport,
  ZOOM_STEP,
  zoomAt,
} from "./viewport.ts";

/** CSS pixels for one press of an arrow key. */
const STEP_PX = 10;
const STEP_FINE_PX = 1;
const PAN_STEP_PX = 40;
/** The crosshair keeps this distance from the stage's edge: the view follows it. */
const EDGE_PX = 28;

export class Commands {
  readonly #desk: Desk;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  undo(): void {
    if (this.#desk.session.document.value.can_undo) this.#desk.intend({ kind: "undo" }, performance.now());
  }

  redo(): void {
    if (this.#desk.session.document.value.can_redo) this.#desk.intend({ kind: "redo" }, performance.now());
  }

  /** Searches for everything; false where findings are open already. */
  everything(): boolean {
    if (this.#desk.session.findings.isOpen.value) return false;
    this.#desk.intend({ kind: "everything", points_per_side: null });
    return true;
  }

  cancelSearch(): void {
    this.#desk.intend({ kind: "cancel_everything" });
  }

  keepFound(): void {
    const { findings, link } = this.#desk.session;
    const isKeeping = link.pending.value.some(({ request }) => request.kind === "keep_found");
    const ids = [...findings.kept.value];
    if (findings.isOpen.value && !findings.isRunning.value && !isKeeping && ids.length > 0) {
      this.#desk.intend({ kind: "keep_found", ids }, performance.now());
    }
  }

  discardFound(): void {
    this.#desk.intend({ kind: "discard_found" });
  }

  /** Stops the search, or else discards what was found; false where there is neither. */
  leaveFindings(): boolean {
    const { findings } = this.#desk.session;
    if (findings.isRunning.value) this.cancelSearch();
    else if (findings.isOpen.value) this.discardFound();
    return findings.isOpen.value;
  }

  accept(): void {
    if (this.#desk.session.findings.isOpen.value) {
      this.keepFound();
      return;
    }
    if (this.#desk.state.active.value) this.#desk.intend({ kind: "accept" }, performance.now());
  }

  choose(level: number): void {
    const { candidates } = this.#desk.session.document.value;
    if (this.#desk.session.findings.isOpen.value) return;
    if (level < candidates.length) this.#desk.intend({ kind: "choose", level }, performance.now());
  }

  deleteActive(): void {
    const active = this.#desk.state.active.value;
    if (this.#desk.session.findings.isOpen.value) return;
    if (active) this.#desk.intend({ kind: "delete", object: active.id }, performance.now());
  }

  renameActive(): void {
    this.#desk.state.renaming.value = this.#desk.state.active.value?.id ?? null;
  }

  /** Selects the neighbour of the active object in the list; without one, the first or last. */
  selectNeighbour(by: 1 | -1): void {
    const { objects, active } = this.#desk.session.document.value;
    const at = objects.findIndex((object) => object.id === active);
    const next = at < 0 ? objects.at(by > 0 ? 0 : -1) : objects.at((at + by) % objects.length);
    if (next && next.id !== active) this.#desk.intend({ kind: "select", object: next.id }, performance.now());
  }

  fit(): void {
    const { session, state } = this.#desk;
    const photo = session.photo.value;
    if (!photo) return;
    state.isFitted.value = true;
    state.viewport.value = fitted(photo.size, state.stage.value);
  }

  zoom(factor: number): void {
    this.#aroundMiddle((about, size, stage) => zoomAt(this.#desk.state.viewport.value, factor, about, size, stage));
  }

  oneToOne(): void {
    this.#aroundMiddle((about, size, stage) => scaleAt(this.#desk.state.viewport.value, 1, about, size, stage));
  }

  toggleHover(): void {
    const { session, hover } = this.#desk;
    const isOn = session.settings.hover.value && !hover.isOff.value;
    hover.restart();
    hover.clear();
    session.settings.hover.set(!isOn);
  }

  toggleHelp(): void {
    this.#desk.state.isHelpOpen.value = !this.#desk.state.isHelpOpen.value;
  }

  /** Moves the crosshair, or with the pan tool the photo, `step_px` CSS pixels in the direction of an arrow key. */
  move(key: string, isFine: boolean): void {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    const { session, state } = this.#desk;
    const photo = session.photo.value;
    if (!direction || !photo) return;
    const [x = 0, y = 0] = direction;
    if (session.settings.tool.value === "pan") {
      const step = isFine ? STEP_FINE_PX : PAN_STEP_PX;
      this.#pan({ x: -x * step, y: -y * step });
      return;
    }
    const from = state.crosshair.value;
    if (!from) {
      this.#showCrosshair();
      return;
    }
    const step = (isFine ? STEP_FINE_PX : STEP_PX) / state.viewport.value.scale;
    // A point at the far edge itself would lie outside the photo.
    const to = {
      x: Math.min(photo.size.width - 0.01, Math.max(0, from.x + x * step)),
      y: Math.min(photo.size.height - 0.01, Math.max(0, from.y + y * step)),
    };
    state.crosshair.value = to;
    this.#follow(to);
  }

  /** Uses the tool in hand at the crosshair. */
  place(): void {
    const { session, state } = this.#desk;
    const at = state.crosshair.value;
    if (!at) {
      this.#showCrosshair();
      return;
    }
    const tool = session.settings.tool.value;
    if (session.findings.isOpen.value) {
      pickAt(at, this.#desk);
    } else if (tool === "include" || tool === "exclude") {
      addPoint(at, tool === "include" ? 1 : 0, this.#desk, performance.now());
    } else if (tool === "select") {
      selectAt(at, this.#desk, performance.now());
    } else if (tool === "box") {
      this.#placeCorner(at);
    }
  }

  #placeCorner(at: Point): void {
    const { corner } = this.#desk.state;
    const first = corner.value;
    corner.value = first ? null : at;
    if (!first) return;
    const box = boxBetween(first, at);
    if (box[0] < box[2] && box[1] < box[3]) this.#desk.intend({ kind: "add_box", box }, performance.now());
  }

  #showCrosshair(): void {
    const { session, state } = this.#desk;
    const size = session.photo.value?.size;
    if (!size) return;
    const { scale, x, y } = state.viewport.value;
    const middle = { x: (state.stage.value.width / 2 - x) / scale, y: (state.stage.value.height / 2 - y) / scale };
    state.crosshair.value = {
      x: Math.min(size.width - 0.01, Math.max(0, middle.x)),
      y: Math.min(size.height - 0.01, Math.max(0, middle.y)),
    };
  }

  /** Pans so far that `at` is on the stage. */
  #follow(at: Point): void {
    const { state } = this.#desk;
    const { x, y } = toScreen(state.viewport.value, at);
    const { width, height } = state.stage.value;
    const by = {
      x: Math.max(0, EDGE_PX - x) - Math.max(0, x - (width - EDGE_PX)),
      y: Math.max(0, EDGE_PX - y) - Math.max(0, y - (height - EDGE_PX)),
    };
    if (!state.isFitted.value && (by.x !== 0 || by.y !== 0)) this.#pan(by);
  }

  #pan(by: Point): void {
    const { session, state } = this.#desk;
    const photo = session.photo.value;
    if (!photo) return;
    state.isFitted.value = false;
    state.viewport.value = panBy(state.viewport.value, by, photo.size, state.stage.value);
  }

  /** Changes the view about the crosshair, or else the middle of the stage. */
  #aroundMiddle(change: (about: Point, size: Extent, stage: Extent) => Viewport): void {
    const { session, state } = this.#desk;
    const photo = session.photo.value;
    if (!photo) return;
    const stage = state.stage.value;
    const crosshair = state.crosshair.value;
    const about = crosshair ? toScreen(state.viewport.value, crosshair) : { x: stage.width / 2, y: stage.height / 2 };
    state.isFitted.value = false;
    state.viewport.value = change(about, photo.size, stage);
  }
}

/** The table's action names, bound to commands. */
export function actions(
  commands: Commands,
  desk: Desk,
  gestures: Gestures,
  { everything, leave }: { everything: () => void; leave: () => void },
): Actions {
  const tool = (name: ToolName) => () => desk.session.settings.tool.set(name);
  const move = (isFine: boolean) => (event: KeyboardEvent) => commands.move(event.key, isFine);
  return {
    select: tool("select"),
    include: tool("include"),
    exclude: tool("exclude"),
    box: tool("box"),
    pan: tool("pan"),
    everything,
    accept: () => commands.accept(),
    candidate: (event) => commands.choose(Number(event.key) - 1),
    "next-object": () => commands.selectNeighbour(1),
    "previous-object": () => commands.selectNeighbour(-1),
    rename: () => commands.renameActive(),
    delete: () => commands.deleteActive(),
    undo: () => commands.undo(),
    redo: () => commands.redo(),
    "zoom-in": () => commands.zoom(ZOOM_STEP),
    "zoom-out": () => commands.zoom(1 / ZOOM_STEP),
    fit: () => commands.fit(),
    "one-to-one": () => commands.oneToOne(),
    hover: () => commands.toggleHover(),
    help: () => commands.toggleHelp(),
    move: move(false),
    "move-finely": move(true),
    // Acts when the key comes up, if no drag has used it: see app.ts.
    place: () => {
      gestures.isSpaceDown = true;
    },
    leave,
  };
}
