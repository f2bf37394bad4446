import type { FoundRecording } from "../api/recordings";

/** How far a recording is, as people see it. */
export type Stage =
  | { kind: "receiving"; ratio: number | null }
  | { kind: "waiting" }
  | { kind: "transcribing"; ratio: number | null }
  | { kind: "failed"; code: string; detail: string }
  | { kind: "cancelled" }
  | { kind: "kept" }
  | { kind: "ready" };

type Known = Pick<FoundRecording, "state" | "received" | "length" | "transcript_id" | "transcription">;

export function stageOf({ state, received, length, transcript_id, transcription }: Known): Stage {
  if (state === "receiving") return { kind: "receiving", ratio: ratio(received, length) };
  const { done_s, total_s, error } = transcription;
  if (transcription.state === "queued") return { kind: "waiting" };
  if (transcription.state === "running") return { kind: "transcribing", ratio: ratio(done_s, total_s) };
  if (transcript_id) return { kind: "ready" };
  if (transcription.state === "failed")
    return { kind: "failed", code: error?.code ?? "", detail: error?.message ?? "" };
  return { kind: transcription.state === "cancelled" ? "cancelled" : "kept" };
}

/** Whether it will change by itself, so that it is worth looking again soon. */
export function isUnderway(recording: Known): boolean {
  return ["receiving", "waiting", "transcribing"].includes(stageOf(recording).kind);
}

function ratio(done: number, total: number | null): number | null {
  return total ? Math.min(1, done / total) : null;
}
