import type { Problem } from "../types";

/** A job as the page shows it. Times are seconds of the recording. */
export interface JobView {
  id: string;
  state: "queued" | "running" | "done" | "failed" | "cancelled";
  doneS: number;
  totalS: number | null;
  /** When it began to be worked on, in milliseconds. */
  startedAt: number | null;
  /** How far it was when it began, where it went on with what was computed before. */
  startedAtS: number;
  problem: Problem | null;
  captions: Caption[];
}

export interface Caption {
  id: number;
  start: number;
  end: number;
  text: string;
}

/** The names of the events that tell of jobs. */
export const JOB_EVENTS = [
  "job.queued",
  "job.started",
  "job.progress",
  "job.segments",
  "job.done",
  "job.failed",
  "job.retrying",
  "job.cancelled",
] as const;

export interface JobTold {
  job_id: string;
  at: string;
  kind?: string;
  done_s?: number;
  total_s?: number | null;
  segments?: Caption[];
  code?: string;
  message?: string;
}

export function isActive(job: JobView): boolean {
  return job.state === "queued" || job.state === "running";
}

/** The jobs after an event; those that prepare the sound for playback are left out. */
export function told(jobs: readonly JobView[], event: string, about: JobTold): readonly JobView[] {
  if (about.kind !== undefined && about.kind !== "transcribe") return jobs;
  const known = jobs.find((job) => job.id === about.job_id);
  // Progress is told without the kind of the job: one that was never queued as a transcription is another.
  if (!known && about.kind === undefined) return jobs;
  const next = { ...(known ?? fresh(about.job_id)), ...changes(known, event, about) };
  return known ? jobs.map((job) => (job === known ? next : job)) : [...jobs, next];
}

function fresh(id: string): JobView {
  return { id, state: "queued", doneS: 0, totalS: null, startedAt: null, startedAtS: 0, problem: null, captions: [] };
}

function changes(known: JobView | undefined, event: string, about: JobTold): Partial<JobView> {
  switch (event) {
    case "job.started":
      return { state: "running", startedAt: Date.parse(about.at), startedAtS: known?.doneS ?? 0, problem: null };
    case "job.progress":
      return { doneS: about.done_s ?? 0, totalS: about.total_s ?? null };
    case "job.segments":
      return { captions: [...(known?.captions ?? []), ...(about.segments ?? [])] };
    case "job.done":
      return { state: "done" };
    case "job.cancelled":
      return { state: "cancelled" };
    case "job.failed":
      return { state: "failed", problem: { code: about.code ?? "internal_error", detail: about.message ?? "" } };
    default:
      return { state: "queued", startedAt: null };
  }
}

/** How much of it is done, from 0 to 1; null while nobody knows. */
export function share({ doneS, totalS }: JobView): number | null {
  return totalS ? Math.min(1, doneS / totalS) : null;
}

const FIRST_GUESS_MS = 2000;

/** How many seconds it will still take, at the pace of now; null while that would be a wild guess. */
export function remainingS(job: JobView, now: number): number | null {
  const { totalS, doneS, startedAt, startedAtS } = job;
  if (job.state !== "running" || !totalS || startedAt === null) return null;
  const [elapsedMs, advancedS] = [now - startedAt, doneS - startedAtS];
  if (elapsedMs < FIRST_GUESS_MS || advancedS <= 0) return null;
  return ((totalS - doneS) / advancedS) * (elapsedMs / 1000);
}
