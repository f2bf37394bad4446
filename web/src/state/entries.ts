import { createSignal } from "solid-js";
import { createStore } from "solid-js/store";
import { advance, isFinal, type Job, type JobEvent, waitingJob } from "../lib/job";
import type { Options } from "../lib/types";

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

export type NewEntry = Pick<Entry, "source" | "createdAt" | "name" | "audio" | "durationS" | "options">;

/** The entries of this visit, newest first; they live in this page and nowhere else. */
export function createEntries() {
  const [state, setState] = createStore<{ entries: Entry[] }>({ entries: [] });
  const [selectedId, select] = createSignal<number | null>(null);
  let lastId = 0;

  const find = (id: number | null): Entry | undefined => state.entries.find((entry) => entry.id === id);
  const change = (id: number, changes: Partial<Entry>): void =>
    setState("entries", (entry) => entry.id === id, changes);
  return {
    all: () => state.entries,
    selected: () => find(selectedId()),
    select,
    find,
    change,
    apply: (id: number, event: JobEvent): void =>
      setState(
        "entries",
        (entry) => entry.id === id,
        "job",
        (job) => advance(job, event),
      ),
    add: (entry: NewEntry): number => {
      const id = ++lastId;
      const url = URL.createObjectURL(entry.audio);
      setState("entries", (entries) => [{ ...entry, id, url, saved: false, job: waitingJob() }, ...entries]);
      select(id);
      return id;
    },
    remove: (id: number): void => {
      const entry = find(id);
      if (!entry || !isFinal(entry.job)) return;
      URL.revokeObjectURL(entry.url);
      setState("entries", (entries) => entries.filter((other) => other.id !== id));
      select(state.entries[0]?.id ?? null);
    },
    /** Whether closing the page would lose a recording that is nowhere else. */
    atRisk: (): boolean =>
      state.entries.some(({ source, saved, job }) => source === "recording" && !saved && job.phase !== "done"),
  };
}
