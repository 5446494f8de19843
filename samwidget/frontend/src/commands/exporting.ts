// Commands for exports: the kernel writes the objects in a format of another program, and the browser saves the file.
// panels/export.ts offers the formats and tells how far it is.

import type { Failure } from "../protocol.ts";
import type { Session } from "../session.ts";
import type { View } from "../view.ts";

/** Whether there is something to write, and a kernel that writes it. */
export function canExport({ session }: View): boolean {
  const { document, presence, status } = session;
  const isHere = presence.value === "here" && status.value.phase !== "closed";
  return isHere && (labelledCount(session) > 0 || document.value.objects.length > 0);
}

/** How many photos of a folder an export of all takes: not those that are new or skipped. */
export function labelledCount({ images }: Session): number {
  const counts = images.value?.counts;
  return counts ? counts.in_work + counts.done + counts.to_check : 0;
}

export function openExport(view: View): void {
  if (canExport(view)) view.state.isExportOpen.value = true;
}

/** Has the kernel write the objects of this image, or of `all`, and saves the file; `onFailure` gets what went wrong. */
export function exportObjects(view: View, format: string, all: boolean, onFailure: (failure: Failure) => void): void {
  const { session, state } = view;
  if (state.exporting.value) return;
  state.exporting.value = { format, done: 0, total: 0 };
  state.exportedName.value = "";
  // A name that was written just now belongs to the file.
  session.link.afterPending(() => {
    const id = session.request(
      { kind: "export", format, all },
      {
        onReply: (reply) => {
          if (reply.kind === "exporting") {
            state.exporting.value = { format, done: reply.done, total: reply.total };
            return;
          }
          state.exporting.value = null;
          if (reply.kind === "exported") {
            state.exportedName.value = reply.file_name;
            saveFile(reply.file_name, reply.bytes, reply.mime);
          } else if (reply.kind === "error") {
            onFailure({ code: reply.code, message: reply.message, hint: reply.hint });
          }
        },
      },
    );
    if (id === null) state.exporting.value = null; // the failure is on the screen
  });
}

/** Has the browser save a file, as a link to it would. */
function saveFile(name: string, bytes: Uint8Array, mime: string): void {
  const url = URL.createObjectURL(new Blob([bytes.slice()], { type: mime }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // The browser reads the address after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
