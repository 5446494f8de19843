// Files of the objects: COCO as JSON, and a label map as PNG with its table. samwidget/formats has the same ones in Python.

import { strToU8, zipSync, zlibSync } from "fflate";

import type { Box } from "../protocol.ts";
import type { PixelMask } from "./upsample.ts";
import { PromptError } from "./values.ts";

/** An object as files have it. */
export interface Labelled {
  name: string;
  className: string | null;
  score: number;
  mask: PixelMask;
}

export interface LabelledPhoto {
  fileName: string;
  size_hw: readonly [number, number];
  /** In drawing order. */
  objects: readonly Labelled[];
  classes: readonly string[];
}

export interface ExportedFile {
  name: string;
  mime: string;
  bytes: Uint8Array;
}

/** The class of objects that have none. */
const NO_CLASS = "object";
/** COCO's word for x, y, width and height. */
const BOX = "bbox";

/** Writes a photo in a format; throws PromptError for one that a page cannot write. */
export function exported(photo: LabelledPhoto, format: string): ExportedFile {
  const stem = photo.fileName.replace(/\.[^.]*$/, "") || "labels";
  if (format === "coco") {
    return { name: `${stem}.json`, mime: "application/json", bytes: strToU8(JSON.stringify(cocoOf(photo))) };
  }
  if (format === "label_map") {
    const files = { [`${stem}.csv`]: strToU8(tableOf(photo)), [`${stem}.png`]: labelMapOf(photo) };
    return { name: `${stem}.zip`, mime: "application/zip", bytes: zipSync(files) };
  }
  throw new PromptError(`a page cannot write the format ${format}`, "it writes coco and label_map");
}

function cocoOf({ fileName, size_hw: [height, width], objects, classes }: LabelledPhoto): object {
  const names = [...new Set([...classes, ...objects.map(({ className }) => className ?? NO_CLASS)])];
  return {
    info: { description: "made by samwidget" },
    licenses: [],
    annotations: objects.map(({ name, className, score, mask }, index) => {
      const [x0, y0, x1, y1] = mask.box ?? ([0, 0, 0, 0] as Box);
      return {
        id: index + 1,
        image_id: 1,
        category_id: names.indexOf(className ?? NO_CLASS) + 1,
        segmentation: { size: [height, width], counts: compressed(countsOf(mask, height, width)) },
        area: mask.area,
        iscrowd: 0,
        score,
        name,
        [BOX]: [x0, y0, x1 - x0, y1 - y0],
      };
    }),
    images: [{ id: 1, file_name: fileName, height, width }],
    categories: names.map((name, index) => ({ id: index + 1, name, supercategory: "" })),
  };
}

/** COCO's run lengths: pixels outside, inside, outside, ..., down one column after the other. */
export function countsOf(mask: PixelMask, height: number, width: number): number[] {
  const counts: number[] = [];
  let [last, end] = [0, 0];
  for (let column = 0; column < mask.width; column++) {
    for (let row = 0; row < mask.height; row++) {
      if (!mask.inside[row * mask.width + column]) continue;
      const at = (mask.x + column) * height + mask.y + row;
      if (at !== end || counts.length === 0) {
        if (counts.length > 0) counts.push(end - last);
        counts.push(at - end);
        last = at;
      }
      end = at + 1;
    }
  }
  if (counts.length > 0) counts.push(end - last);
  if (end < height * width) counts.push(height * width - end);
  return counts;
}

/** The text form of run lengths, that of maskApi.c in pycocotools: groups of five bits, from the fourth count on differences. */
export function compressed(counts: readonly number[]): string {
  let text = "";
  for (const [i, count] of counts.entries()) {
    let value = i > 2 ? count - (counts[i - 2] as number) : count;
    for (let more = true; more; ) {
      const group = value & 0x1f;
      value >>= 5;
      more = group & 0x10 ? value !== -1 : value !== 0;
      text += String.fromCharCode(group + (more ? 0x20 : 0) + 48);
    }
  }
  return text;
}

function tableOf({ objects }: LabelledPhoto): string {
  const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = objects.map(({ name, className, score }, index) =>
    [String(index + 1), name, className ?? "", String(score)].map(quoted).join(","),
  );
  return `${["label,name,class,score", ...rows].join("\n")}\n`;
}

/** A PNG of 16-bit numbers: 0 outside and n in the n-th object; later objects win. */
function labelMapOf({ size_hw: [height, width], objects }: LabelledPhoto): Uint8Array {
  const stride = 1 + 2 * width; // a byte in front of each row names its filter: none
  const rows = new Uint8Array(height * stride);
  for (const [index, { mask }] of objects.entries()) {
    for (let row = 0; row < mask.height; row++) {
      for (let column = 0; column < mask.width; column++) {
        if (!mask.inside[row * mask.width + column]) continue;
        const at = (mask.y + row) * stride + 1 + 2 * (mask.x + column);
        rows[at] = (index + 1) >> 8;
        rows[at + 1] = (index + 1) & 0xff;
      }
    }
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([16, 0, 0, 0, 0], 8); // 16 bits, grey
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const chunks = [chunk("IHDR", header), chunk("IDAT", zlibSync(rows)), chunk("IEND", new Uint8Array())];
  return joined([signature, ...chunks]);
}

function chunk(name: string, data: Uint8Array): Uint8Array {
  const content = joined([strToU8(name), data]);
  const ends = new DataView(new ArrayBuffer(8));
  ends.setUint32(0, data.length);
  ends.setUint32(4, crc32(content));
  return joined([new Uint8Array(ends.buffer, 0, 4), content, new Uint8Array(ends.buffer, 4, 4)]);
}

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
