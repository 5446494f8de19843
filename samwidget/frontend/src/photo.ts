// Decodes the pixels that the kernel sends, and reads the size of a JPEG before it is decoded.

import type { Extent } from "./viewport.ts";

/** Decodes JPEG or PNG bytes; rejects where the browser cannot. */
export function decodePixels(bytes: Uint8Array, mime: string): Promise<ImageBitmap> {
  // The kernel has applied the EXIF orientation; a browser that did so again would rotate the photo under the masks.
  return createImageBitmap(new Blob([bytes.slice()], { type: mime }), { imageOrientation: "none" });
}

/**
 * Width and height in the first frame header (SOFn) of a JPEG; null where there is none. Read before decoding, so that the
 * first layout has room for the snapshot and nothing moves later.
 */
export function jpegExtent(bytes: Uint8Array): Extent | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  while (at + 9 < bytes.length && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}
