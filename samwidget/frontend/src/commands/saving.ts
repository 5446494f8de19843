// Commands for what outlives a widget: the session file, and the prompts of an earlier widget. panels/save.ts has the name of
// the file and says what goes wrong, panels/restore.ts offers the prompts.

import { requestsOf } from "../earlier.ts";
import type { Session } from "../session.ts";
import type { View } from "../view.ts";

/** Whether there is a kernel that saves to the file that its user names. */
export function canSave({ photo, presence, status }: Session): boolean {
  return presence.value !== "absent" && status.value.phase !== "closed" && !photo.value?.isApp;
}

/** Opens the panel that saves to a session file. */
export function openSave({ session, state }: View): void {
  if (canSave(session)) state.isSaveOpen.value = true;
}

/** Makes the objects of an earlier widget again; the offer goes with the first request that is on its way. */
export function restoreObjects(view: View): void {
  const { earlier, link } = view.session;
  const isRestoring = link.pending.value.some(({ request }) => request.kind === "restore_objects");
  if (!earlier.value || isRestoring) return;
  for (const request of requestsOf(earlier.value.prompts)) view.request(request, performance.now());
}
