import { createSignal } from "solid-js";
import { createStore } from "solid-js/store";
import { advance, type Job, type JobEvent, noJob } from "../lib/job";
import type { Options } from "../lib/types";
import type { Kept } from "../recording/store";
import type { SendingView } from "../recording/view";

/** A recording or a file that this page sends, and what became of it. The service keeps it; this is only the page's view. */
export interface Entry {
  id: string;
  source: "recording" | "file";
  createdAt: Date;
  /** The name of the audio as a file. */
  name: string;
  durationS: number | null;
  /** What was asked for. */
  options: Options;
  /** Its name at the service. */
  recordingId: string | null;
  /** It is of an earlier visit. */
  recovered: boolean;
  sending: SendingView;
  job: Job;
  /** The copy that is made for playback. */
  sound: "awaited" | "playable" | "never";
}

/** The entries of this visit, newest first. */
export function createEntries() {
  const [state, setState] = createStore<{ entries: Entry[] }>({ entries: [] });
  const [selectedId, select] = createSignal<string | null>(null);

  const find = (id: string | null): Entry | undefined => state.entries.find((entry) => entry.id === id);
  const change = (id: string, changes: Partial<Entry>): void =>
    setState("entries", (entry) => entry.id === id, changes);
  return {
    all: () => state.entries,
    selected: () => find(selectedId()),
    select,
    find,
    change,
    apply: (id: string, event: JobEvent): void =>
      setState(
        "entries",
        (entry) => entry.id === id,
        "job",
        (job) => advance(job, event),
      ),
    add: ({ id, kind, createdAt, name, durationS, options, recordingId, stored }: Kept, recovered: boolean): void => {
      const sending: SendingView = { phase: "going_on", sent: 0, stored, problem: null };
      const about = { id, source: kind, createdAt: new Date(createdAt), name, durationS, options, recordingId };
      const entry: Entry = { ...about, recovered, sending, job: noJob(), sound: "awaited" };
      setState("entries", (entries) => [entry, ...entries]);
    },
    remove: (id: string): void => {
      setState("entries", (entries) => entries.filter((other) => other.id !== id));
      if (selectedId() === id) select(null);
    },
  };
}
