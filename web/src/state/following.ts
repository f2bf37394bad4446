import { type Accessor, createEffect, createSignal, onCleanup } from "solid-js";
import { addressOf } from "../api/transcripts";
import { followEvents } from "../io/events";
import { isActive, JOB_EVENTS, type JobTold, type JobView, told } from "../lib/transcript/jobs";

const OTHERS = ["transcript.created", "transcript.edited", "recording.changed", "recording.completed", "asset.created"];
const TICK_MS = 1000;

interface Following {
  jobs: Accessor<readonly JobView[]>;
  connected: Accessor<boolean>;
  /** Milliseconds, a second apart while something runs. */
  now: Accessor<number>;
}

/** What happens to a recording, as it happens: its jobs, and the other events by name. */
export function followRecording(
  id: string,
  onEvent: (kind: string, about: Record<string, unknown>) => void,
): Following {
  const [jobs, setJobs] = createSignal<readonly JobView[]>([]);
  const [connected, setConnected] = createSignal(true);
  const [now, setNow] = createSignal(Date.now());
  const known = new Set<string>(JOB_EVENTS);
  const stop = followEvents(addressOf(id, "events"), {
    kinds: [...JOB_EVENTS, ...OTHERS],
    onConnected: setConnected,
    onEvent: ({ kind, data }) => {
      if (known.has(kind)) setJobs((before) => told(before, kind, data as JobTold));
      else onEvent(kind, data as Record<string, unknown>);
    },
  });
  onCleanup(stop);
  createEffect(() => {
    if (!jobs().some(isActive)) return;
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    onCleanup(() => clearInterval(timer));
  });
  return { jobs, connected, now };
}
