// What the kernel and the model are doing, in words and as the colour of the dot. Every part of the screen that says it
// asks here, so that dot, hint and banner agree. Pure functions of what the session knows.

import { canSave } from "../commands/saving.ts";
import { formatSeconds } from "../numbers.ts";
import type { Failure } from "../protocol.ts";
import type { Session } from "../session.ts";

export type DotState = "good" | "busy" | "bad" | "off";

export function dotState(session: Session): DotState {
  const { phase } = session.status.value;
  if (isAbsent(session) || phase === "closed") return "off";
  if (phase === "failed") return "bad";
  return isWorking(session) || session.link.isBusy.value ? "busy" : "good";
}

/** The model, and what it is doing. */
export function describeModel(session: Session): string {
  if (isAbsent(session)) return "No kernel";
  const { phase, network, device, elapsed_s: elapsedBefore_s } = session.status.value;
  const elapsed_s = (elapsedBefore_s + (performance.now() - session.statusAt_ms.value) / 1000).toFixed(1);
  const model = [network, device].filter(Boolean).join(" · ");
  switch (phase) {
    case "loading":
      return `${network || "Model"} · loading… ${elapsed_s} s`;
    case "encoding":
      return `${model} · encoding… ${elapsed_s} s`;
    case "failed":
      return `${model} · failed`;
    case "closed":
      return `${model} · closed`;
    case "ready":
      return model;
  }
}

/** How long the image took to encode, or how many of the next ones are encoded ahead; empty where it is not encoded. */
export function encodingTime(session: Session): string {
  const { phase, encode_s } = session.status.value;
  if (isAbsent(session) || phase !== "ready" || encode_s === null) return "";
  const ready = session.images.value?.ready ?? 0;
  if (ready > 0) return ` · next ${ready === 1 ? "photo" : `${ready} photos`} ready`;
  return encode_s === 0 ? " · encoded before" : ` · encoded in ${formatSeconds(encode_s)}`;
}

/** What is more urgent than a hint; empty where nothing is. */
export function urgentMessage(session: Session): string {
  const { phase, can_use_bundled } = session.status.value;
  const { link } = session;
  if (phase === "closed") return "This widget is closed. Run the cell to continue.";
  if (isAbsent(session)) return "There is no kernel. Run the cell to continue.";
  if (link.isSilent.value) return "The kernel does not answer. If it was restarted, run the cell again.";
  if (link.isBusy.value) {
    return session.presence.value === "unknown"
      ? "Waiting for the kernel."
      : "The kernel is busy. Your clicks are kept.";
  }
  const keeps = link.pending.value.length > 0;
  if (phase === "failed") {
    const remedy = can_use_bundled ? "Try again, or use the bundled network." : "Try again.";
    return keeps ? `There is no model. ${remedy} Your clicks are kept.` : `There is no model. ${remedy}`;
  }
  const file = session.sessionFile.value;
  if (file?.phase === "failed") return `Cannot save. ${file.message} ${file.hint}`.trim();
  if (keeps && isWorking(session)) return "Your clicks are kept until the image is encoded.";
  return "";
}

/** Whether the session file holds every change, and what a wide cell says more; both empty where nothing can be saved. */
export function describeSaving(session: Session): { text: string; more: string } {
  const status = session.sessionFile.value;
  if (!status) return canSave(session) ? { text: "Save", more: " session" } : { text: "", more: "" };
  if (isAbsent(session)) return { text: "", more: "" };
  const file = status.path.split(/[\\/]/).at(-1) ?? "";
  switch (status.phase) {
    case "saved":
      return { text: "Saved", more: ` to ${file}` };
    case "saving":
      return { text: "Saving…", more: "" };
    case "failed":
      return { text: "Not saved", more: "" };
    case "read-only":
      return { text: "Read-only", more: ", not saved" };
  }
}

/** The failure that the banner shows; null where there is none. */
export function shownFailure(session: Session): Failure | null {
  const { error } = session.status.value;
  return (hasFailed(session) && error) || session.failure.value;
}

/** Whether there is no model, and a kernel that could load it again. */
export function hasFailed(session: Session): boolean {
  return session.status.value.phase === "failed" && !isAbsent(session);
}

export function isAbsent(session: Session): boolean {
  return session.presence.value === "absent";
}

/** Whether a kernel loads the model or encodes the image. */
export function isWorking(session: Session): boolean {
  const { phase } = session.status.value;
  return !isAbsent(session) && (phase === "loading" || phase === "encoding");
}
