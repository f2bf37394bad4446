import type { ServerEvent } from "./sse";
import type { Problem, Result, Segment } from "./types";

/** A transcription from its audio to its text. */
export interface Job {
  phase: "waiting" | "uploading" | "processing" | "done" | "failed" | "cancelled";
  /** Share of the audio that has been sent, 0 to 1. */
  uploaded: number;
  doneS: number;
  totalS: number | null;
  segments: Segment[];
  result: Result | null;
  problem: Problem | null;
}

export type JobEvent =
  | { type: "sent" }
  | { type: "uploaded"; ratio: number }
  | { type: "accepted" }
  | { type: "progress"; doneS: number; totalS: number | null }
  | { type: "segment"; segment: Segment }
  | { type: "done"; result: Result }
  | { type: "failed"; problem: Problem }
  | { type: "cancelled" };

/** A new one each time: Solid's stores write into the objects that they are given. */
export function waitingJob(): Job {
  return { phase: "waiting", uploaded: 0, doneS: 0, totalS: null, segments: [], result: null, problem: null };
}

export function isFinal(job: Job): boolean {
  return job.phase === "done" || job.phase === "failed" || job.phase === "cancelled";
}

/** The job after an event; what comes after its end changes nothing. */
export function advance(job: Job, event: JobEvent): Job {
  if (event.type === "sent") return { ...waitingJob(), phase: "uploading" };
  if (isFinal(job)) return job;
  switch (event.type) {
    case "uploaded":
      return { ...job, uploaded: event.ratio, phase: event.ratio < 1 ? job.phase : "processing" };
    case "accepted":
      return { ...job, uploaded: 1, phase: "processing" };
    case "progress":
      return { ...job, phase: "processing", doneS: event.doneS, totalS: event.totalS };
    case "segment":
      return { ...job, phase: "processing", segments: [...job.segments, event.segment] };
    case "done":
      return { ...job, phase: "done", result: event.result };
    case "failed":
      return { ...job, phase: "failed", problem: event.problem };
    case "cancelled":
      return { ...job, phase: "cancelled" };
  }
}

/** What an event of the server means; null for one that this page does not know. */
export function decode({ event, data }: ServerEvent): JobEvent | null {
  switch (event) {
    case "accepted":
      return { type: "accepted" };
    case "progress": {
      const { done_s, total_s } = JSON.parse(data) as { done_s: number; total_s: number | null };
      return { type: "progress", doneS: done_s, totalS: total_s };
    }
    case "segment":
      return { type: "segment", segment: JSON.parse(data) as Segment };
    case "done":
      return { type: "done", result: JSON.parse(data) as Result };
    case "error":
      return { type: "failed", problem: JSON.parse(data) as Problem };
    default:
      return null;
  }
}

/** How far the job is, from 0 to 1; null where that cannot be known. */
export function progressOf(job: Job): number | null {
  if (job.phase === "uploading") return job.uploaded;
  if (job.phase !== "processing" || !job.totalS || job.doneS <= 0) return null;
  return Math.min(1, job.doneS / job.totalS);
}
