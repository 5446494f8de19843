// What one view knows beyond the session: its viewport, its pointer, its gesture, and which panels are open. Never leaves
// the view.

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";

import { type Correction, correctionsOnScreen, type ShownCorrections, type Stroke } from "./corrections.ts";
import { type Listing, type ListOrder, listed } from "./listing.ts";
import { isChanged, type Outline, shownPolygons } from "./outline.ts";
import { activeAfter, classAfter, type Draft, type NextActive, promptsOnScreen, type ShownPrompts } from "./prompts.ts";
import type { DocumentSummary, ObjectSummary, Request } from "./protocol.ts";
import type { Session } from "./session.ts";
import { foundObjectAt, objectAt } from "./stage/hit.ts";
import type { OpenPolygon } from "./stage/lines.ts";
import { StripChoice } from "./strip_choice.ts";
import { DRAWING_TOOLS, type ToolName } from "./traits.ts";
import type { Extent, Point, Viewport } from "./viewport.ts";

/** An export that the kernel works on. */
export interface Exporting {
  format: string;
  /** Images that are written, and all of them; 0 before the first word of the kernel. */
  done: number;
  total: number;
}

/** A name that is being written. */
export interface Naming {
  /** Id of the object; null for the one that is active when the kernel gets the name. */
  object: number | null;
  /** The field is in the object's row of the list; otherwise it is over the photo. */
  isInList: boolean;
}

/** A letter that has begun a name and is a key, too. */
export interface LoneKey {
  action: ToolName | "accept";
  /** The tool before the letter, which may have changed it. */
  toolBefore: ToolName;
}

/** Requests that bring another photo. */
const TURNS: ReadonlySet<Request["kind"]> = new Set(["go_to", "accept_image"]);

export interface ViewState {
  /** CSS pixels of the photo's area on the screen; zero before the first layout. */
  stageSize: Signal<Extent>;
  viewport: Signal<Viewport>;
  /** True until the user zooms or pans: the photo then stays fitted when the cell changes its size. */
  isFitted: Signal<boolean>;
  /** Pointer over the photo, image pixels; null outside it. */
  pointer: Signal<Point | null>;
  /** The crosshair that the arrow keys move, image pixels; null while it is hidden. */
  crosshair: Signal<Point | null>;
  /** First corner of a box that is placed with the keyboard, image pixels. */
  corner: Signal<Point | null>;
  draft: Signal<Draft | null>;
  /** The stroke of the brush that is being drawn. */
  stroke: Signal<Stroke | null>;
  /** The polygon that is being drawn from corner to corner. */
  polygon: Signal<OpenPolygon | null>;
  /** The outline of the active object while the tool *outline* is in use. */
  outline: Signal<Outline | null>;
  /** Diameter of the brush, image pixels; null until the user changes it. */
  brushSize: Signal<number | null>;
  /** The tray shows what mends a mask, where it has no space for the candidates too. */
  isMending: Signal<boolean>;
  isGesturing: Signal<boolean>;
  isPanning: Signal<boolean>;
  isHelpOpen: Signal<boolean>;
  hasFocus: Signal<boolean>;
  naming: Signal<Naming | null>;
  /** The name so far, while one is being written. */
  nameText: Signal<string>;
  /** The letter that is all that was typed so far; null where it is no key. */
  loneKey: Signal<LoneKey | null>;
  /** Names of all objects are on the photo, not only that of the pointed one. */
  areNamesShown: Signal<boolean>;
  /** Id of the object whose row has the pointer or the keyboard. */
  pointedRow: Signal<number | null>;
  /** Ids of the objects that were selected to do something with all of them, in the order of their selection. */
  selection: Signal<readonly number[]>;
  /** The field that finds or adds a class is open. */
  isChoosingClass: Signal<boolean>;
  /** The panel that saves to a session file is open. */
  isSaveOpen: Signal<boolean>;
  isWordsOpen: Signal<boolean>;
  /** What was written last to find by words. */
  wordsText: Signal<string>;
  /** The menu of formats is open. */
  isExportOpen: Signal<boolean>;
  /** Exports take all photos of a folder, not only the one on the screen. */
  exportsAll: Signal<boolean>;
  /** What the kernel writes now; null while it writes nothing. */
  exporting: Signal<Exporting | null>;
  /** Of the file that was exported last. */
  exportedName: Signal<string>;
  /** The only class whose objects this view shows; null shows all. */
  shownClass: Signal<string | null>;
  /** What was typed to find objects in the list. */
  search: Signal<string>;
  listOrder: Signal<ListOrder>;
  /** The objects of the list, from top to bottom. */
  listed: ReadonlySignal<readonly ObjectSummary[]>;
  /** What a command for several objects acts on: the selected ones, or else the active one. */
  targets: ReadonlySignal<readonly ObjectSummary[]>;
  /** The class that the next object gets, once the kernel has carried out the pending requests. */
  newClass: ReadonlySignal<string | null>;
  /** The class of what is selected or active, or else that of the next object; undefined where they have several. */
  markedClass: ReadonlySignal<string | null | undefined>;
  /** The document as this view shows it: objects of other classes are not visible while it shows one class. */
  shownDocument: ReadonlySignal<DocumentSummary>;
  /** Another photo was asked for, or comes: until it is here, nothing can be done to a photo. */
  isTurning: ReadonlySignal<boolean>;
  /** Index of the photo on the screen, or of the one that was asked for last; -1 where the widget has one photo. */
  nextImage: ReadonlySignal<number>;
  /** The cell has little height or width for the strip of photos. */
  isCellSmall: Signal<boolean>;
  stripChoice: StripChoice;
  /** The strip shows thumbnails, not only its line. */
  isStripOpen: ReadonlySignal<boolean>;
  /** From the last click to the frame that showed its masks. */
  latency_ms: Signal<number | null>;
  active: ReadonlySignal<ObjectSummary | null>;
  /** Id of the object that was active last: the keys for neighbours go on from there. */
  lastActive: Signal<number | null>;
  /** What will be active once the kernel has carried out the pending requests. */
  nextActive: ReadonlySignal<NextActive>;
  /** Id of the object under the pointer or the crosshair, on the photo or in the list. */
  pointedObject: ReadonlySignal<number | null>;
  /** Id of the found object under the pointer or the crosshair. */
  pointedId: ReadonlySignal<number | null>;
  /** The prompts of the active object, as they will be once the kernel has carried out the pending requests. */
  prompts: ReadonlySignal<ShownPrompts>;
  /** What is drawn of an object until the kernel has its mask. */
  corrections: ReadonlySignal<ShownCorrections>;
  /** Id of the object that is drawn so. */
  correctedId: ReadonlySignal<number | null>;
}

export function createViewState(session: Session): ViewState {
  const draft = signal<Draft | null>(null);
  const stroke = signal<Stroke | null>(null);
  const outline = signal<Outline | null>(null);
  const pointer = signal<Point | null>(null);
  const crosshair = signal<Point | null>(null);
  const isGesturing = signal(false);
  const pointedRow = signal<number | null>(null);
  const shownClass = signal<string | null>(null);
  const search = signal("");
  const listOrder = signal<ListOrder>("drawn");
  const listing = (): Listing => ({ shownClass: shownClass.value, search: search.value, order: listOrder.value });
  const shownDocument = computed(() => documentOfClass(session.document.value, shownClass.value));
  const pending = computed(() => session.link.pending.value.map(({ request }) => request));
  const active = computed(() => {
    const { objects, active: id } = session.document.value;
    return objects.find((object) => object.id === id) ?? null;
  });
  const selection = signal<readonly number[]>([]);
  const targets = computed(() => {
    const ids = selection.value.length > 0 ? selection.value : active.value ? [active.value.id] : [];
    return session.document.value.objects.filter(({ id }) => ids.includes(id));
  });
  const isCellSmall = signal(false);
  const stripChoice = new StripChoice(isCellSmall);
  const newClass = computed(() => classAfter(session.document.value.active_class, pending.value));
  const drawn = computed(() => stroke.value ?? outlineOnScreen(outline.value));
  const corrections = computed(() => correctionsOnScreen(session.document.value, pending.value, drawn.value));
  return {
    stageSize: signal({ width: 0, height: 0 }),
    viewport: signal({ scale: 1, x: 0, y: 0 }),
    isFitted: signal(true),
    pointer,
    crosshair,
    corner: signal(null),
    draft,
    stroke,
    polygon: signal(null),
    outline,
    brushSize: signal(null),
    isMending: signal(false),
    isGesturing,
    isPanning: signal(false),
    isHelpOpen: signal(false),
    hasFocus: signal(false),
    naming: signal(null),
    nameText: signal(""),
    loneKey: signal(null),
    areNamesShown: signal(false),
    pointedRow,
    selection,
    targets,
    isChoosingClass: signal(false),
    isSaveOpen: signal(false),
    isWordsOpen: signal(false),
    wordsText: signal(""),
    isExportOpen: signal(false),
    exportsAll: signal(true),
    exporting: signal(null),
    exportedName: signal(""),
    shownClass,
    search,
    listOrder,
    listed: computed(() => listed(session.document.value, listing())),
    newClass,
    markedClass: computed(() => {
      const names = new Set(targets.value.map((object) => object.class));
      if (names.size === 0) return newClass.value;
      return names.size === 1 ? [...names][0] : undefined;
    }),
    shownDocument,
    isTurning: computed(() => session.isTurning.value || pending.value.some(({ kind }) => TURNS.has(kind))),
    nextImage: computed(() => {
      const asked = pending.value.findLast(({ kind }) => kind === "go_to");
      return asked?.kind === "go_to" ? asked.image : (session.images.value?.index ?? -1);
    }),
    isCellSmall,
    stripChoice,
    isStripOpen: computed(() => stripChoice.isOpen),
    latency_ms: signal(null),
    active,
    lastActive: signal(null),
    nextActive: computed(() => activeAfter(session.document.value.active, pending.value)),
    pointedObject: computed(() => {
      const { everything, masks, settings } = session;
      const at = crosshair.value ?? pointer.value;
      if (pointedRow.value !== null) return pointedRow.value;
      if (!at || isGesturing.value || everything.isOpen.value || DRAWING_TOOLS.has(settings.tool.value)) return null;
      return objectAt(at, shownDocument.value, masks, settings.threshold.value)?.id ?? null;
    }),
    pointedId: computed(() => {
      const at = crosshair.value ?? pointer.value;
      const { everything, masks, settings } = session;
      const foundObjects = everything.foundObjects.value;
      if (!at || foundObjects.length === 0) return null;
      return foundObjectAt(at, foundObjects, masks, settings.threshold.value)?.id ?? null;
    }),
    prompts: computed(() => promptsOnScreen(active.value, pending.value, draft.value)),
    corrections,
    correctedId: computed(() => corrections.value.object?.id ?? null),
  };
}

/** `document`, in which the objects of other classes than `name` are not visible; the same document where it is null. */
function documentOfClass(document: DocumentSummary, name: string | null): DocumentSummary {
  if (name === null) return document;
  const isShown = (object: ObjectSummary) => object.class === name || object.id === document.active;
  const objects = document.objects.map((object) => (isShown(object) ? object : { ...object, visible: false }));
  return { ...document, objects };
}

/** What is drawn of an outline that was changed; null where it is that of the mask. */
function outlineOnScreen(outline: Outline | null): Correction | null {
  return outline && isChanged(outline) ? { kind: "outline", polygons: shownPolygons(outline) } : null;
}
