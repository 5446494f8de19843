// Every mask that the kernel has sent, by id. An id names bytes that never change, so nothing is asked for twice: the
// bytes stay as they came (compressed, about 10 kB), and the paths of the masks in use are kept beside them.

import { signal } from "@preact/signals-core";
import { unzlibSync } from "fflate";

import { type MaskBytes, outline, toPath } from "./contour.ts";
import { type Frame, type MaskHeader, ProtocolError } from "./protocol.ts";

interface Entry {
  frame: Frame;
  header: MaskHeader;
  compressed: Uint8Array;
}

interface Drawn {
  mask: MaskBytes;
  threshold: number;
  path: Path2D;
}

/** More than the objects and candidates of a crowded photo. */
const PATHS_MAX = 128;

export class MaskStore {
  /** Counts arrivals, so that an effect can wait for a mask. */
  readonly arrivals = signal(0);
  readonly #entries = new Map<string, Entry>();
  /** In order of use, the oldest first. */
  readonly #drawn = new Map<string, Drawn>();

  add(frame: Frame, headers: readonly MaskHeader[], buffers: readonly Uint8Array[]): void {
    for (const [i, header] of headers.entries()) {
      const compressed = buffers[i];
      // A copy: the buffer may be a view into a message of the host's.
      if (compressed) this.#entries.set(header.mask, { frame, header, compressed: compressed.slice() });
    }
    this.arrivals.value++;
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** The mask's area above `threshold` in image pixels; null while the bytes are not here. */
  path(id: string, threshold: number): Path2D | null {
    const known = this.#drawn.get(id);
    if (known?.threshold === threshold) {
      this.#drawn.delete(id);
      this.#drawn.set(id, known);
      return known.path;
    }
    const entry = this.#entries.get(id);
    if (!entry) return null;
    const mask = known?.mask ?? decode(entry.frame, entry.header, entry.compressed);
    const path = toPath(outline(mask, threshold));
    this.#drawn.delete(id);
    this.#drawn.set(id, { mask, threshold, path });
    for (const oldest of this.#drawn.keys()) {
      if (this.#drawn.size <= PATHS_MAX) break;
      this.#drawn.delete(oldest);
    }
    return path;
  }

  /** The window's place in the image, image pixels: where to look for the mask. */
  windowBox(id: string): [number, number, number, number] | null {
    const entry = this.#entries.get(id);
    if (!entry) return null;
    const { frame, header } = entry;
    const perX = ((frame.input_hw[1] / frame.logits_hw[1]) * frame.image_hw[1]) / frame.content_hw[1];
    const perY = ((frame.input_hw[0] / frame.logits_hw[0]) * frame.image_hw[0]) / frame.content_hw[0];
    const [x, y, width, height] = header.window;
    return [x * perX, y * perY, (x + width) * perX, (y + height) * perY];
  }
}

/** Inflates one buffer; throws ProtocolError where it does not fill its window. */
export function decode(frame: Frame, header: MaskHeader, compressed: Uint8Array): MaskBytes {
  const [, , width, height] = header.window;
  const expected = width * height;
  const bytes = expected === 0 ? new Uint8Array() : inflate(header.mask, compressed, expected);
  if (bytes.length !== expected) {
    throw new ProtocolError(`mask ${header.mask}: ${bytes.length} bytes for a window of ${width} x ${height}`);
  }
  return { frame, window: header.window, scale: header.scale, bytes };
}

function inflate(id: string, compressed: Uint8Array, expected: number): Uint8Array {
  try {
    // One byte of room more than expected shows a window that is too small for its bytes.
    return unzlibSync(compressed, { out: new Uint8Array(expected + 1) });
  } catch (error) {
    throw new ProtocolError(`mask ${id}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
