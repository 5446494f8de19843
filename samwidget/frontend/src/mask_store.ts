// The masks that the kernel has sent, by id, as long as the document or a search names them: the kernel sends a mask again
// when it comes back. The bytes of an id never change. They are kept as they came (compressed, about 10 kB), and beside
// them the paths of the masks drawn last.

import { signal } from "@preact/signals-core";
import { unzlibSync } from "fflate";

import { imagePerLogit, type MaskBytes, outline, type Ring, toPath } from "./contour.ts";
import { type Box, type Frame, type MaskHeader, ProtocolError } from "./protocol.ts";

interface Entry {
  frame: Frame;
  header: MaskHeader;
  compressed: Uint8Array;
}

interface Drawable {
  mask: MaskBytes;
  threshold: number;
  path: Path2D;
}

/**
 * More than a search of everything finds in a crowded photo. All of these are drawn together and in one order: in a cache
 * smaller by one, each redraw would evict and contour every mask again. Inflated they take some 10 kB each.
 */
const DRAWABLE_MAX = 1024;
/** Masks that nothing names any more, or not yet: a message with masks may overtake the document before its own. */
const UNNAMED_MAX = 256;

export class MaskStore {
  /** Counts messages with masks, so that an effect can wait for a mask. */
  readonly arrivals = signal(0);
  readonly #entries = new Map<string, Entry>();
  /** In order of use, the oldest first. */
  readonly #drawable = new Map<string, Drawable>();

  /** Keeps the masks of one message; throws ProtocolError, and keeps none, where one does not decode. */
  add(frame: Frame, headers: readonly MaskHeader[], buffers: readonly Uint8Array[], threshold: number): void {
    const added = headers.map((header, i) => {
      const compressed = buffers[i] ?? new Uint8Array();
      const mask = decode(frame, header, compressed);
      // A copy: the buffer may be a view into a message of the host's.
      return { entry: { frame, header, compressed: compressed.slice() }, mask };
    });
    for (const { entry, mask } of added) {
      this.#entries.set(entry.header.mask, entry);
      this.#keep(entry.header.mask, mask, threshold);
    }
    this.arrivals.value++;
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** Forgets masks that are not among `names`, the oldest first; the newest UNNAMED_MAX stay, as they came. */
  forgetOthers(names: ReadonlySet<string>): void {
    let surplus = this.#entries.size - names.size - UNNAMED_MAX;
    for (const id of this.#entries.keys()) {
      if (names.has(id)) continue;
      this.#drawable.delete(id);
      if (surplus > 0) this.#entries.delete(id);
      surplus--;
    }
  }

  /** The mask above `threshold`, image pixels; null while the bytes are not here. */
  path(id: string, threshold: number): Path2D | null {
    const entry = this.#entries.get(id);
    if (!entry) return null;
    const known = this.#drawable.get(id);
    if (known?.threshold === threshold) {
      this.#drawable.delete(id);
      this.#drawable.set(id, known);
      return known.path;
    }
    return this.#keep(id, known?.mask ?? decode(entry.frame, entry.header, entry.compressed), threshold);
  }

  /** The outline of the mask above `threshold`, image pixels, found anew; null while the bytes are not here. */
  rings(id: string, threshold: number): Ring[] | null {
    const entry = this.#entries.get(id);
    if (!entry) return null;
    return outline(this.#drawable.get(id)?.mask ?? decode(entry.frame, entry.header, entry.compressed), threshold);
  }

  /** The box of image pixels outside which the mask is empty. */
  extent(id: string): Box | null {
    const entry = this.#entries.get(id);
    if (!entry) return null;
    const [perX, perY] = imagePerLogit(entry.frame);
    const [x, y, width, height] = entry.header.window;
    return [x * perX, y * perY, (x + width) * perX, (y + height) * perY];
  }

  #keep(id: string, mask: MaskBytes, threshold: number): Path2D {
    const path = toPath(outline(mask, threshold));
    this.#drawable.delete(id);
    this.#drawable.set(id, { mask, threshold, path });
    for (const oldest of this.#drawable.keys()) {
      if (this.#drawable.size <= DRAWABLE_MAX) break;
      this.#drawable.delete(oldest);
    }
    return path;
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
    // With one byte more than expected, too many bytes are noticed.
    return unzlibSync(compressed, { out: new Uint8Array(expected + 1) });
  } catch (error) {
    throw new ProtocolError(`mask ${id}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
