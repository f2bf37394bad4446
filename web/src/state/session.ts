import { createEffect, createSignal, on } from "solid-js";
import { createStore } from "solid-js/store";
import { transcribe } from "../io/transcribe";
import { advance, isFinal, type Job, type JobEvent, WAITING } from "../lib/job";
import { extensionOf } from "../lib/media-type";
import { localProblem } from "../lib/problem";
import { isReady, type Service } from "../lib/service";
import { stamp } from "../lib/time";
import type { Options, Problem } from "../lib/types";

/** A recording or a file of this visit, and what became of it. */
export interface Entry {
  id: number;
  source: "recording" | "file";
  createdAt: Date;
  /** The name of the audio as a file. */
  name: string;
  audio: Blob;
  url: string;
  durationS: number | null;
  saved: boolean;
  /** What was asked for when it was last sent. */
  options: Options;
  job: Job;
}

type NewEntry = Pick<Entry, "source" | "createdAt" | "name" | "audio" | "durationS">;

export type Session = ReturnType<typeof createSession>;

/** Everything that was recorded or chosen during this visit; it lives in this page and nowhere else. */
export function createSession(service: () => Service) {
  const [state, setState] = createStore<{ entries: Entry[] }>({ entries: [] });
  const [selectedId, setSelectedId] = createSignal<number | null>(null);
  const [options, setOptions] = createStore<Options>({ language: "", task: "transcribe" });
  const running = new Map<number, () => void>();
  let lastId = 0;

  const find = (id: number): Entry | undefined => state.entries.find((entry) => entry.id === id);
  const apply = (id: number, event: JobEvent): void => {
    if (event.type === "done" || event.type === "failed" || event.type === "cancelled") running.delete(id);
    setState(
      "entries",
      (entry) => entry.id === id,
      "job",
      (job) => advance(job, event),
    );
  };
  const send = (id: number): void => {
    const entry = find(id);
    if (!entry) return;
    if (!isReady(service())) return setState("entries", (e) => e.id === id, "job", WAITING);
    apply(id, { type: "sent" });
    const problem = refusal(entry.audio, service());
    if (problem) return apply(id, { type: "failed", problem });
    const upload = { audio: entry.audio, name: entry.name, options: { ...options } };
    setState("entries", (e) => e.id === id, "options", upload.options);
    running.set(
      id,
      transcribe(upload, (event) => apply(id, event)),
    );
  };
  const add = (entry: NewEntry): void => {
    const id = ++lastId;
    const url = URL.createObjectURL(entry.audio);
    setState("entries", (entries) => [
      { ...entry, id, url, saved: false, options: { ...options }, job: WAITING },
      ...entries,
    ]);
    setSelectedId(id);
    send(id);
  };

  createEffect(
    on(
      () => isReady(service()),
      (ready) => {
        if (!ready) return;
        for (const { id, job } of state.entries) if (job.phase === "waiting") send(id);
      },
    ),
  );

  return {
    entries: () => state.entries,
    selected: () => find(selectedId() ?? 0),
    select: setSelectedId,
    options,
    setOptions,
    send,
    addRecording: (audio: Blob, durationS: number) => {
      const createdAt = new Date();
      const name = `care-voice-${stamp(createdAt)}.${extensionOf(audio.type)}`;
      add({ source: "recording", createdAt, name, audio, durationS });
    },
    addFile: (file: File) =>
      add({ source: "file", createdAt: new Date(), name: file.name, audio: file, durationS: null }),
    /** The same audio with other options, as a new entry: what is there already stays. */
    addAgain: ({ source, createdAt, name, audio, durationS }: Entry) =>
      add({ source, createdAt, name, audio, durationS }),
    cancel: (id: number) => {
      const stop = running.get(id);
      if (stop) stop();
      else apply(id, { type: "cancelled" });
    },
    markSaved: (id: number) => setState("entries", (entry) => entry.id === id, "saved", true),
    remove: (id: number) => {
      const entry = find(id);
      if (!entry || !isFinal(entry.job)) return;
      URL.revokeObjectURL(entry.url);
      setState("entries", (entries) => entries.filter((other) => other.id !== id));
      setSelectedId(state.entries[0]?.id ?? null);
    },
    /** Whether closing the page would lose a recording that is nowhere else. */
    atRisk: () =>
      state.entries.some(({ source, saved, job }) => source === "recording" && !saved && job.phase !== "done"),
  };
}

/** What the page can tell without sending a large file first. */
function refusal(audio: Blob, service: Service): Problem | null {
  if (audio.size === 0) return localProblem("empty_file");
  const limit = service.kind === "known" ? service.status.limits.max_body_bytes : 0;
  return limit > 0 && audio.size > limit ? localProblem("body_too_large") : null;
}
