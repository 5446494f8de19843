// Messages and traits: their types, and checks of what the kernel sends.
// Made by `python -m docs.make_messages` from samwidget/widget/protocol and traits.py: change those.

import { type Check, flag, integer, list, number, oneOf, optional, positive, record, text, tuple } from "./checks.ts";

export const PROTOCOL_VERSION = 1;
export const NAME_LENGTH_MAX = 80;

/** fill_holes, drop_islands, smooth, grow or shrink */
export type Adjustment = "drop_islands" | "fill_holes" | "grow" | "shrink" | "smooth";
/** here, download, gated or missing */
export type Availability = "download" | "gated" | "here" | "missing";
/** 4 finite numbers: x0, y0, x1, y1 in image pixels */
export type Box = [number, number, number, number];
/** waiting, downloading, loading or encoding */
export type ChangePhase = "downloading" | "encoding" | "loading" | "waiting";
/** new, in_work, done, skipped or to_check */
export type ImageState = "done" | "in_work" | "new" | "skipped" | "to_check";
/** 0 (exclude) or 1 (include) */
export type Label = 0 | 1;
/** loading, encoding, ready, failed or closed */
export type Phase = "closed" | "encoding" | "failed" | "loading" | "ready";
/** x and y in image pixels, and the label */
export type PointPrompt = [number, number, Label];
/** 2 finite numbers: x, y in image pixels */
export type Position = [number, number];
/** saved, saving, failed or read-only */
export type SavePhase = "failed" | "read-only" | "saved" | "saving";
/** everything, similar or words */
export type SearchKind = "everything" | "similar" | "words";
/** none, running, done, cancelled or failed */
export type SearchPhase = "cancelled" | "done" | "failed" | "none" | "running";
/** front or back */
export type Side = "back" | "front";
/** 2 whole numbers: height, width */
export type Size = [number, number];
/** 3 finite numbers: x, y, and how far the outline is off without it */
export type WeightedCorner = [number, number, number];

/** A view has opened: send the image, the masks and what a search has found. */
export interface Hello {
  kind: "hello";
}

/** Send the mask that a click here would make. */
export interface Hover {
  kind: "hover";
  x: number;
  y: number;
  label: Label;
}

/** Refine the active object with a point, or begin an object. */
export interface AddPoint {
  kind: "add_point";
  x: number;
  y: number;
  label: Label;
}

/** Move a point of the active object. */
export interface MovePoint {
  kind: "move_point";
  index: number;
  x: number;
  y: number;
}

/** Remove a point of the active object; the object goes with its last prompt. */
export interface RemovePoint {
  kind: "remove_point";
  index: number;
}

/** Give the active object a box where it fits that object; otherwise begin an object. */
export interface AddBox {
  kind: "add_box";
  box: Box;
}

/** Replace the box of the active object. */
export interface MoveBox {
  kind: "move_box";
  box: Box;
}

/** Remove the box of the active object; the object goes with its last prompt. */
export interface RemoveBox {
  kind: "remove_box";
}

/** Show another candidate of the active object. */
export interface Choose {
  kind: "choose";
  level: number;
}

/** Finish the active object: the next prompt begins a new one. */
export interface Accept {
  kind: "accept";
}

/** Make an object active; null makes none active. */
export interface Select {
  kind: "select";
  object: number | null;
}

/** Name an object; null names the active one, which the browser may not know yet. */
export interface Rename {
  kind: "rename";
  object: number | null;
  name: string;
}

/** Show or hide an object. */
export interface SetVisible {
  kind: "set_visible";
  object: number;
  visible: boolean;
}

/** Delete an object. */
export interface Delete {
  kind: "delete";
  object: number;
}

/** Delete all objects, in one step of the history. */
export interface Clear {
  kind: "clear";
}

/** Delete objects, in one step of the history. */
export interface DeleteObjects {
  kind: "delete_objects";
  objects: number[];
}

/** Lock objects against change, or unlock them. */
export interface SetLocked {
  kind: "set_locked";
  objects: number[];
  locked: boolean;
}

/** Draw objects over all others, or below them; among themselves they stay in order. */
export interface Reorder {
  kind: "reorder";
  objects: number[];
  to: Side;
}

/** Add a class behind the others; one that is there already stays as it is. */
export interface AddClass {
  kind: "add_class";
  name: string;
}

/** Give a class another name; its objects keep it. */
export interface RenameClass {
  kind: "rename_class";
  class: string;
  name: string;
}

/** Delete a class; its objects have none then. */
export interface DeleteClass {
  kind: "delete_class";
  class: string;
}

/** Give new objects this class; null gives them none. */
export interface ActivateClass {
  kind: "activate_class";
  class: string | null;
}

/** Give objects (null: the active one) a class, which is added where it is not there yet; null takes theirs away. */
export interface SetClass {
  kind: "set_class";
  objects: number[] | null;
  class: string | null;
}

/** Paint or erase with a round brush; null corrects the active object, or begins one where none is active. */
export interface Paint {
  kind: "paint";
  object: number | null;
  points: Position[];
  radius: number;
  erase: boolean;
}

/** Add or erase the inside of a polygon; null corrects the active object, or begins one where none is active. */
export interface FillPolygon {
  kind: "fill_polygon";
  object: number | null;
  points: Position[];
  erase: boolean;
}

/** Send the outlines of an object, with the weight of each corner. */
export interface Polygons {
  kind: "polygons";
  object: number;
}

/** Give an object the inside of polygons as its mask; one inside another is a hole. */
export interface SetPolygons {
  kind: "set_polygons";
  object: number;
  polygons: Position[][];
}

/** Make one object of several: the first gets all pixels, and the others go. */
export interface Merge {
  kind: "merge";
  objects: number[];
}

/** Make an object of each piece of an object that is not connected. */
export interface Split {
  kind: "split";
  object: number;
}

/** Take the pixels of other objects away from an object; the others stay. */
export interface Subtract {
  kind: "subtract";
  object: number;
  others: number[];
}

/** Make one object of several: the first keeps the pixels that all have, and the others go. */
export interface Intersect {
  kind: "intersect";
  objects: number[];
}

/** Mend the outline of an object; docs/protocol.md says what the amount is. `continues` says that the slider moves on: the step takes the place of the one before. */
export interface Adjust {
  kind: "adjust";
  object: number;
  operation: Adjustment;
  amount: number;
  continues: boolean;
}

/** Refine the active object with points along a stroke, in one step, or begin an object. */
export interface Scribble {
  kind: "scribble";
  points: Position[];
  label: Label;
}

/** Make the objects of an earlier widget again, in one step of the history. */
export interface RestoreObjects {
  kind: "restore_objects";
  objects: SavedPrompt[];
}

/** An object of an earlier widget: what its trait `document` says of it. */
export interface SavedPrompt {
  name: string;
  class: string | null;
  points: PointPrompt[];
  box: Box | null;
  levels: ChosenLevels;
  visible: boolean;
  locked: boolean;
}

/** The levels that the user chose: of the object, and of what its prompt refines; null where it is the best one. */
export interface ChosenLevels {
  chosen: number | null;
  refined: number | null;
}

/** Go one step back in the history. */
export interface Undo {
  kind: "undo";
}

/** Take one undo back. */
export interface Redo {
  kind: "redo";
}

/** Send the image's own pixels inside the box, at most `width` pixels wide. */
export interface Detail {
  kind: "detail";
  box: Box;
  width: number;
}

/** Send the models that the widget can use. */
export interface ListModels {
  kind: "list_models";
}

/** Use another model, which is downloaded where it is not here; objects and history stay. */
export interface UseModel {
  kind: "use_model";
  model: string;
}

/** End the change to another model; the present one stays. */
export interface CancelModel {
  kind: "cancel_model";
}

/** Load the model and encode the image again, after that failed. */
export interface Retry {
  kind: "retry";
}

/** Load the bundled model in the place of the one that failed, and encode the image. */
export interface UseBundled {
  kind: "use_bundled";
}

/** Save to a session file, and each later change by itself. */
export interface SaveSession {
  kind: "save_session";
  path: string;
}

/** Search the image for all objects; the search before ends, and what it found goes. */
export interface Everything {
  kind: "everything";
  points_per_side: number | null;
}

/** Search the image for objects like these, or like the active one, in the place of the search before. */
export interface FindSimilar {
  kind: "find_similar";
  objects: number[] | null;
  excluded: number[];
}

/** Search the image for what phrases and boxes around examples describe, in the place of the search before. */
export interface Find {
  kind: "find";
  phrases: string[];
  boxes: Box[];
  excluded_boxes: Box[];
}

/** End the search and keep on the screen what it found. */
export interface CancelEverything {
  kind: "cancel_everything";
}

/** End the work on the masks of many prompts; no object is added. */
export interface StopMaking {
  kind: "stop_making";
}

/** Make objects of these found masks, in one step of the history, and forget the others. */
export interface KeepFound {
  kind: "keep_found";
  ids: number[];
}

/** Forget everything that was found. */
export interface DiscardFound {
  kind: "discard_found";
}

/** Show another image of the folder; what was asked before is carried out on the image that was there. */
export interface GoTo {
  kind: "go_to";
  image: number;
}

/** Say that the image is done, and show the next one that is neither done nor skipped. */
export interface AcceptImage {
  kind: "accept_image";
}

/** Say how far images are. */
export interface SetImageState {
  kind: "set_image_state";
  images: number[];
  state: ImageState;
}

/** Add the objects of another image (null: the one before) in one step; with `prompts` the model makes them. */
export interface CopyObjects {
  kind: "copy_objects";
  image: number | null;
  prompts: boolean;
}

/** Send rows of the list of images: those in one of the states, with an object of the class; null takes all. */
export interface ListImages {
  kind: "list_images";
  first: number;
  count: number;
  states: ImageState[] | null;
  class: string | null;
}

/** Send small pictures of images, one message each; the newest request comes first. */
export interface Thumbnails {
  kind: "thumbnails";
  images: number[];
}

/** Write the objects of this image, or of all, in a format, and send the file. */
export interface Export {
  kind: "export";
  format: string;
  all: boolean;
}

/** The kernel has received the request; the work follows. */
export interface AckReply {
  kind: "ack";
  re: string;
}

/** The kernel has not received the request before this one, and refuses this one: send both again, in order. */
export interface ResendReply {
  kind: "resend";
  re: string;
}

/** The whole image, made smaller where it is large; `name` is that of its file; in an app nobody may save. */
export interface ImageReply {
  kind: "image";
  image: string;
  size_hw: Size;
  mime: string;
  name?: string;
  is_app?: boolean;
  bytes: Uint8Array;
}

/** The bytes of masks that the trait `document` names. */
export interface MasksReply {
  kind: "masks";
  image: string;
  frame: FrameSizes;
  masks: MaskHeader[];
  re?: string;
  buffers: Uint8Array[];
}

/** Sizes that tie an image to the low-res logits of its masks. */
export interface FrameSizes {
  image_hw: Size;
  input_hw: Size;
  content_hw: Size;
  logits_hw: Size;
}

/** One entry of `masks`; its bytes are the buffer of the same index. */
export interface MaskHeader {
  mask: string;
  window: [number, number, number, number];
  scale: number;
}

/** The mask under the pointer; the reply to `hover`. */
export interface PreviewReply {
  kind: "preview";
  re: string;
  image: string;
  frame: FrameSizes;
  score: number;
  masks: [MaskHeader];
  buffers: Uint8Array[];
}

/** How far a search is, and what has changed since the message before; a search for words has their `phrase`. */
export interface FoundReply {
  kind: "found";
  image: string;
  search: string;
  search_kind: SearchKind;
  phase: SearchPhase;
  done: number;
  total: number;
  is_whole: boolean;
  added: FoundSummary[];
  removed: number[];
  masks: MaskHeader[];
  frame?: FrameSizes;
  seconds_left?: number;
  phrase?: string;
  re?: string;
  buffers: Uint8Array[];
}

/** A mask that a search has found and nobody has kept yet. */
export interface FoundSummary {
  id: number;
  mask: string;
  colour: string;
  score: number;
  stability: number;
  area: number;
  box: Box;
}

/** The outlines of an object: those corners that weigh more than a tolerance are the outlines within it. */
export interface PolygonsReply {
  kind: "polygons";
  re: string;
  polygons: WeightedCorner[][];
}

/** Rows of the list of images from `first` on, of `total` rows that pass the filter. */
export interface ImagesReply {
  kind: "images";
  re: string;
  first: number;
  total: number;
  images: ImageRow[];
}

/** One image of a folder; `problem` says why it cannot be shown, or what has happened to it. */
export interface ImageRow {
  index: number;
  name: string;
  state: ImageState;
  objects: number;
  classes: string[];
  problem?: string;
}

/** The models that the widget can use, those of one family together. */
export interface ModelsReply {
  kind: "models";
  re: string;
  models: ModelRow[];
}

/** A model that the widget can use. `family` is empty for a model that Python gave, `licence` where nobody knows it. `needs_mb` is about what it needs of memory, where this computer has less. */
export interface ModelRow {
  name: string;
  family: string;
  licence: string;
  availability: Availability;
  reads_words: boolean;
  is_used: boolean;
  size_mb?: number;
  needs_mb?: number;
}

/** A small picture of an image; its buffer is empty where `problem` says why there is none. */
export interface ThumbnailReply {
  kind: "thumbnail";
  re: string;
  image: number;
  mime: string;
  problem?: string;
  bytes: Uint8Array;
}

/** How far an export is; `exported` follows. */
export interface ExportingReply {
  kind: "exporting";
  re: string;
  done: number;
  total: number;
}

/** The file that was asked for, for the browser to save. */
export interface ExportedReply {
  kind: "exported";
  re: string;
  file_name: string;
  mime: string;
  bytes: Uint8Array;
}

/** The request was carried out; the trait `document` shows the result. */
export interface DoneReply {
  kind: "done";
  re: string;
}

/** Pixels of a part of the image; `box` says which part was cut. */
export interface DetailReply {
  kind: "detail";
  re: string;
  image: string;
  box: Box;
  mime: string;
  bytes: Uint8Array;
}

/** What went wrong and how to mend it; the document is as it was. */
export interface ErrorReply {
  kind: "error";
  code: string;
  message: string;
  hint: string;
  re?: string;
}

/** The trait `document`: what the user has made. The kernel writes it. */
export interface DocumentSummary {
  revision: number;
  image: string;
  active: number | null;
  objects: ObjectSummary[];
  candidates: CandidateSummary[];
  classes: ClassSummary[];
  active_class: string | null;
  can_undo: boolean;
  can_redo: boolean;
}

/** An object of the document, as the trait `document` holds it. Points, box and `levels` make its mask again; `levels` is left out where they do not. */
export interface ObjectSummary {
  id: number;
  name: string;
  colour: string;
  visible: boolean;
  score: number | null;
  area: number;
  box: Box | null;
  mask: string;
  points: PointPrompt[];
  prompt_box: Box | null;
  level: number | null;
  class: string | null;
  locked: boolean;
  levels?: ChosenLevels;
}

/** A candidate of the active object. */
export interface CandidateSummary {
  mask: string;
  score: number;
}

/** A class of the document, with the number of its objects. */
export interface ClassSummary {
  name: string;
  colour: string;
  count: number;
}

/** The trait `status`: the state of the model. The kernel writes it. */
export interface NetworkStatus {
  network: string;
  device: string;
  phase: Phase;
  elapsed_s: number;
  encode_s: number | null;
  note: string;
  error?: Failure;
  can_use_bundled?: boolean;
  making?: MakingProgress;
  reads_words?: boolean;
}

/** What went wrong, in words for programs and for people, and how to mend it. */
export interface Failure {
  code: string;
  message: string;
  hint: string;
}

/** How many masks of many prompts are made, and how many there will be. */
export interface MakingProgress {
  done: number;
  total: number;
}

/** The trait `models`: whether a view may choose the model, and the change to another one. The kernel writes it. `note` says why the model is not the one of the session file; it is empty where there is nothing to say. */
export interface ModelsStatus {
  can_choose: boolean;
  note: string;
  change?: ModelChange;
}

/** The model that comes next, and how far it is; `done` and `total` are bytes of its download. */
export interface ModelChange {
  model: string;
  phase: ChangePhase;
  done: number;
  total: number;
}

/** The trait `saving`: whether the session file holds every change; null without one. The kernel writes it. */
export interface SessionStatus {
  path: string;
  phase: SavePhase;
  message: string;
  hint: string;
}

/** The trait `images`: the images of a folder, and which one is shown; null for one image. The kernel writes it. `revision` grows with each change of a row; `ready` is how many of the next images are encoded. */
export interface ImagesSummary {
  count: number;
  index: number;
  revision: number;
  counts: StateCounts;
  ready: number;
}

/** How many images of a folder are in each state. */
export interface StateCounts {
  new: number;
  in_work: number;
  done: number;
  skipped: number;
  to_check: number;
}

export type Request =
  | Hello
  | Hover
  | AddPoint
  | MovePoint
  | RemovePoint
  | AddBox
  | MoveBox
  | RemoveBox
  | Choose
  | Accept
  | Select
  | Rename
  | SetVisible
  | Delete
  | Clear
  | DeleteObjects
  | SetLocked
  | Reorder
  | AddClass
  | RenameClass
  | DeleteClass
  | ActivateClass
  | SetClass
  | Paint
  | FillPolygon
  | Polygons
  | SetPolygons
  | Merge
  | Split
  | Subtract
  | Intersect
  | Adjust
  | Scribble
  | RestoreObjects
  | Undo
  | Redo
  | Detail
  | ListModels
  | UseModel
  | CancelModel
  | Retry
  | UseBundled
  | SaveSession
  | Everything
  | FindSimilar
  | Find
  | CancelEverything
  | StopMaking
  | KeepFound
  | DiscardFound
  | GoTo
  | AcceptImage
  | SetImageState
  | CopyObjects
  | ListImages
  | Thumbnails
  | Export;

export type Reply =
  | AckReply
  | ResendReply
  | ImageReply
  | MasksReply
  | PreviewReply
  | FoundReply
  | PolygonsReply
  | ImagesReply
  | ModelsReply
  | ThumbnailReply
  | ExportingReply
  | ExportedReply
  | DoneReply
  | DetailReply
  | ErrorReply;

export const REQUEST_KINDS = [
  "hello",
  "hover",
  "add_point",
  "move_point",
  "remove_point",
  "add_box",
  "move_box",
  "remove_box",
  "choose",
  "accept",
  "select",
  "rename",
  "set_visible",
  "delete",
  "clear",
  "delete_objects",
  "set_locked",
  "reorder",
  "add_class",
  "rename_class",
  "delete_class",
  "activate_class",
  "set_class",
  "paint",
  "fill_polygon",
  "polygons",
  "set_polygons",
  "merge",
  "split",
  "subtract",
  "intersect",
  "adjust",
  "scribble",
  "restore_objects",
  "undo",
  "redo",
  "detail",
  "list_models",
  "use_model",
  "cancel_model",
  "retry",
  "use_bundled",
  "save_session",
  "everything",
  "find_similar",
  "find",
  "cancel_everything",
  "stop_making",
  "keep_found",
  "discard_found",
  "go_to",
  "accept_image",
  "set_image_state",
  "copy_objects",
  "list_images",
  "thumbnails",
  "export",
] as const satisfies readonly Request["kind"][];

const isSize = tuple(integer(1), integer(1));
const isFrameSizes = record({
  image_hw: isSize,
  input_hw: isSize,
  content_hw: isSize,
  logits_hw: isSize,
});
const isMaskHeader = record({
  mask: text,
  window: tuple(integer(0), integer(0), integer(0), integer(0)),
  scale: positive,
});
const isSearchKind = oneOf("everything", "similar", "words");
const isSearchPhase = oneOf("cancelled", "done", "failed", "none", "running");
const isBox = tuple(number, number, number, number);
const isFoundSummary = record({
  id: integer(0),
  mask: text,
  colour: text,
  score: number,
  stability: number,
  area: integer(1),
  box: isBox,
});
const isWeightedCorner = tuple(number, number, number);
const isImageState = oneOf("done", "in_work", "new", "skipped", "to_check");
const isImageRow = record({
  index: integer(0),
  name: text,
  state: isImageState,
  objects: integer(0),
  classes: list(text),
  problem: optional(text),
});
const isAvailability = oneOf("download", "gated", "here", "missing");
const isModelRow = record({
  name: text,
  family: text,
  licence: text,
  availability: isAvailability,
  reads_words: flag,
  is_used: flag,
  size_mb: optional(number),
  needs_mb: optional(number),
});

/** The fields of each kind from the kernel, with their checks. */
export const REPLY_FIELDS = {
  ack: {
    re: text,
  },
  resend: {
    re: text,
  },
  image: {
    image: text,
    size_hw: isSize,
    mime: text,
    name: optional(text),
    is_app: optional(flag),
  },
  masks: {
    image: text,
    frame: isFrameSizes,
    masks: list(isMaskHeader),
    re: optional(text),
  },
  preview: {
    re: text,
    image: text,
    frame: isFrameSizes,
    score: number,
    masks: tuple(isMaskHeader),
  },
  found: {
    image: text,
    search: text,
    search_kind: isSearchKind,
    phase: isSearchPhase,
    done: integer(0),
    total: integer(0),
    is_whole: flag,
    added: list(isFoundSummary),
    removed: list(integer(0)),
    masks: list(isMaskHeader),
    frame: optional(isFrameSizes),
    seconds_left: optional(number),
    phrase: optional(text),
    re: optional(text),
  },
  polygons: {
    re: text,
    polygons: list(list(isWeightedCorner)),
  },
  images: {
    re: text,
    first: integer(0),
    total: integer(0),
    images: list(isImageRow),
  },
  models: {
    re: text,
    models: list(isModelRow),
  },
  thumbnail: {
    re: text,
    image: integer(0),
    mime: text,
    problem: optional(text),
  },
  exporting: {
    re: text,
    done: integer(0),
    total: integer(0),
  },
  exported: {
    re: text,
    file_name: text,
    mime: text,
  },
  done: {
    re: text,
  },
  detail: {
    re: text,
    image: text,
    box: isBox,
    mime: text,
  },
  error: {
    code: text,
    message: text,
    hint: text,
    re: optional(text),
  },
} satisfies Record<Reply["kind"], Record<string, Check>>;
