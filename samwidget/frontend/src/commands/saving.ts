// Commands for the session file. panels/save.ts has the name of the file and says what goes wrong.

import type { Session } from "../session.ts";
import type { View } from "../view.ts";

/** Whether there is a kernel that could save. */
export function canSave({ presence, status }: Session): boolean {
  return presence.value !== "absent" && status.value.phase !== "closed";
}

/** Opens the panel that saves to a session file. */
export function openSave({ session, state }: View): void {
  if (canSave(session)) state.isSaveOpen.value = true;
}
