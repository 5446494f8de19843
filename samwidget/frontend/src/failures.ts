// Which failures a session shows: that there is no kernel, and not those that have a place of their own or are worth no
// message. session.ts asks.

import type { Failure, Request } from "./protocol.ts";

export const KERNEL_GONE: Failure = {
  code: "no_kernel",
  message: "The kernel is gone: it was shut down or restarted, or it died.",
  hint: "Run the cell again. What you see stays on the screen until then.",
};
export const NO_KERNEL: Failure = {
  code: "no_kernel",
  message: "There is no kernel.",
  hint: "Run the cell to continue.",
};

/** Requests that a view sends on its own: that they reach nobody is said once. */
export const UNASKED: ReadonlySet<Request["kind"]> = new Set([
  "hello",
  "hover",
  "detail",
  "polygons",
  "list_images",
  "thumbnails",
]);

/**
 * A failure is not worth a message: of a preview, and of name or class for an object that its own click could not make. Those
 * of a save and an export have a place of their own.
 */
export function isQuiet(request: Request): boolean {
  if (request.kind === "save_session" || request.kind === "export") return true;
  if (request.kind === "list_models" || request.kind === "use_model") return true;
  if (request.kind === "list_images" || request.kind === "thumbnails") return true;
  if (request.kind === "set_class") return request.objects === null;
  return request.kind === "hover" || (request.kind === "rename" && request.object === null);
}
