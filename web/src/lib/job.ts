import type { Problem, Segment } from "./types";

/** The transcription of a recording that the service has. */
export interface Job {
  phase: "none" | "queued" | "processing" | "done" | "failed" | "cancelled";
  /** Its name at the service. */
  id: string | null;
  doneS: number;
  totalS: number | null;
  segments: Segment[];
  /** Whether there are more segments than are shown. */
  more: boolean;
  /** What is spoken; null until it is known. */
  language: { code: string; name: string } | null;
  problem: Problem | null;
}

export type JobEvent =
  | { type: "queued"; id: string }
  | { type: "started" }
  | { type: "progress"; doneS: number; totalS: number | null }
  | { type: "segments"; segments: Segment[] }
  | { type: "transcript"; segments: Segment[]; more: boolean; language: { code: string; name: string } }
  | { type: "failed"; problem: Problem }
  /** Not done again as was asked for: what there was stays. */
  | { type: "refused"; problem: Problem }
  | { type: "cancelled" };

/** A new one each time: Solid's stores write into the objects that they are given. */
export function noJob(): Job {
  return { phase: "none", id: null, doneS: 0, totalS: null, segments: [], more: false, language: null, problem: null };
}

export function isFinal(job: Job): boolean {
  return job.phase === "done" || job.phase === "failed" || job.phase === "cancelled";
}

/** The job after an event; only being queued again leads out of its end. */
export function advance(job: Job, event: JobEvent): Job {
  if (event.type === "queued") return { ...noJob(), phase: "queued", id: event.id };
  if (event.type === "refused") return { ...job, problem: event.problem };
  if (isFinal(job)) return job;
  switch (event.type) {
    case "started":
      return { ...job, phase: "processing", problem: null };
    case "progress":
      return { ...job, phase: "processing", doneS: event.doneS, totalS: event.totalS };
    case "segments":
      return { ...job, phase: "processing", segments: [...job.segments, ...event.segments] };
    case "transcript": {
      const { segments, more, language } = event;
      return { ...job, phase: "done", segments, more, language };
    }
    case "failed":
      return { ...job, phase: "failed", problem: event.problem };
    case "cancelled":
      return { ...job, phase: "cancelled" };
  }
}

/** How far it is, from 0 to 1; null where that cannot be known. */
export function progressOf(job: Job): number | null {
  if (job.phase !== "processing" || !job.totalS || job.doneS <= 0) return null;
  return Math.min(1, job.doneS / job.totalS);
}
