import { createEffect, onCleanup } from "solid-js";
import { getTranscript } from "../api/recordings";
import { type FollowedEvent, followEvents } from "../io/events";
import { isFinal, type JobEvent } from "../lib/job";
import type { Problem, Segment } from "../lib/types";
import type { createEntries, Entry } from "./entries";

/** Streams that this page holds open: a browser has six connections for all that it does. */
const MOST = 2;

type Entries = ReturnType<typeof createEntries>;
type Body = Record<string, unknown>;
type Handlers = Record<string, (body: Body) => void>;

/** Follows what the service does with what it has, as long as there is something to come: the chosen one first. */
export function followEntries(entries: Entries): void {
  const open = new Map<string, () => void>();
  const seen = new Map<string, string>();
  const close = (id: string): void => {
    open.get(id)?.();
    open.delete(id);
  };
  const follow = (id: string): (() => void) => {
    const recordingId = entries.find(id)?.recordingId ?? "";
    const abort = new AbortController();
    const handle = handlers(entries, id, () => void readTranscript(entries, id, recordingId, abort.signal));
    const onEvent = ({ kind, data, id: seq }: FollowedEvent): void => {
      seen.set(id, seq);
      handle[kind]?.(data as Body);
    };
    const address = `/api/v1/recordings/${encodeURIComponent(recordingId)}/events`;
    const stop = followEvents(address, { kinds: Object.keys(handle), onEvent, after: seen.get(id) ?? "" });
    return () => {
      stop();
      abort.abort();
    };
  };
  createEffect(() => {
    const wanted = toFollow(entries.all(), entries.selected()?.id);
    for (const id of [...open.keys()]) if (!wanted.includes(id)) close(id);
    for (const id of wanted) if (!open.has(id)) open.set(id, follow(id));
  });
  onCleanup(() => {
    for (const id of [...open.keys()]) close(id);
  });
}

function toFollow(all: readonly Entry[], selected: string | undefined): string[] {
  const going = all.filter(
    ({ sending, job, sound }) => sending.phase === "complete" && !(isFinal(job) && sound !== "awaited"),
  );
  const chosen = going.filter(({ id }) => id === selected);
  return [...chosen, ...going.filter(({ id }) => id !== selected)].slice(0, MOST).map(({ id }) => id);
}

async function readTranscript(entries: Entries, id: string, recordingId: string, signal: AbortSignal): Promise<void> {
  const answer = await getTranscript(recordingId, signal);
  if (signal.aborted) return;
  if (!answer.ok || !answer.value) {
    const problem = answer.ok ? problemOf({ code: "transcript_not_found" }) : answer.problem;
    entries.apply(id, { type: "failed", problem });
    return;
  }
  const { segments, next, language: code, language_name: name } = answer.value;
  entries.apply(id, {
    type: "transcript",
    segments: segments.map(shown),
    more: next !== null,
    language: { code, name },
  });
}

function handlers(entries: Entries, id: string, read: () => void): Handlers {
  const apply = (event: JobEvent): void => entries.apply(id, event);
  const ofTranscription = (work: (body: Body) => void) => (body: Body) => {
    if (body.kind === "transcribe") work(body);
  };
  return {
    "job.queued": ofTranscription((body) => apply({ type: "queued", id: String(body.job_id) })),
    "job.started": ofTranscription(() => apply({ type: "started" })),
    "job.progress": (body) =>
      apply({ type: "progress", doneS: Number(body.done_s), totalS: body.total_s as number | null }),
    "job.segments": (body) => {
      // What an earlier attempt of the job has told of is not told again.
      const known = entries.find(id)?.job.segments.length ?? 0;
      const news = (body.segments as Segment[]).filter((segment) => segment.id >= known);
      if (news.length > 0) apply({ type: "segments", segments: news });
    },
    "job.done": ofTranscription(read),
    "job.failed": (body) => {
      if (body.kind === "transcribe") apply({ type: "failed", problem: problemOf(body) });
      else entries.change(id, { sound: "never" });
    },
    "job.cancelled": ofTranscription(() => apply({ type: "cancelled" })),
    "asset.created": ({ kind }) => {
      if (kind === "playback") entries.change(id, { sound: "playable" });
    },
  };
}

function problemOf({ code, message }: Body): Problem {
  return { code: String(code ?? "internal_error"), detail: String(message ?? "") };
}

function shown({ start, end, text }: { start: number; end: number; text: string }, id: number): Segment {
  return { id, start, end, text };
}
