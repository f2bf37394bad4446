import { createEffect, on } from "solid-js";
import { createStore } from "solid-js/store";
import { load, save } from "../io/storage";
import { transcribe } from "../io/transcribe";
import { isFinal, type JobEvent, waitingJob } from "../lib/job";
import { extensionOf } from "../lib/media-type";
import { knownProfile, understoodElsewhere } from "../lib/options";
import { localProblem } from "../lib/problem";
import { decodesElsewhere, isReady, type Service } from "../lib/service";
import { stamp } from "../lib/time";
import type { Options, Problem } from "../lib/types";
import { createEntries, type Entry, type NewEntry } from "./entries";

export type Session = ReturnType<typeof createSession>;

/** What is recorded or chosen is kept, sent as soon as the service is ready, and followed until it is text. */
export function createSession(service: () => Service) {
  const entries = createEntries();
  const [options, setOptions] = createStore<Options>({
    language: "",
    task: "transcribe",
    profile: knownProfile(load("profile")),
    hotwords: load("hotwords") ?? "",
  });
  const running = new Map<number, () => void>();
  const ready = (): boolean => isReady(service());

  const understood = (wanted: Options): Options =>
    decodesElsewhere(service()) ? understoodElsewhere(wanted) : { ...wanted };

  const apply = (id: number, event: JobEvent): void => {
    entries.apply(id, event);
    const entry = entries.find(id);
    if (!entry || isFinal(entry.job)) running.delete(id);
  };
  const transmit = ({ id, audio, name, options: wanted }: Entry): void => {
    apply(id, { type: "sent" });
    const problem = refusal(audio, service());
    if (problem) apply(id, { type: "failed", problem });
    else
      running.set(
        id,
        transcribe({ audio, name, options: understood(wanted) }, (event) => apply(id, event)),
      );
  };
  const send = (id: number): void => {
    entries.change(id, { options: { ...options }, job: waitingJob() });
    const entry = entries.find(id);
    if (entry && ready()) transmit(entry);
  };
  const add = (entry: Omit<NewEntry, "options">): void => send(entries.add({ ...entry, options: { ...options } }));

  createEffect(() => save("profile", options.profile));
  createEffect(() => save("hotwords", options.hotwords));
  createEffect(
    on(ready, (now) => {
      if (!now) return;
      for (const entry of entries.all()) if (entry.job.phase === "waiting") transmit(entry);
    }),
  );
  return {
    entries,
    options,
    setOptions,
    send,
    addRecording: (audio: Blob, durationS: number): void => {
      const createdAt = new Date();
      const name = `care-voice-${stamp(createdAt)}.${extensionOf(audio.type)}`;
      add({ source: "recording", createdAt, name, audio, durationS });
    },
    addFile: (file: File): void =>
      add({ source: "file", createdAt: new Date(), name: file.name, audio: file, durationS: null }),
    /** The same audio with other options, as a new entry: what is there already stays. */
    addAgain: ({ source, createdAt, name, audio, durationS }: Entry): void =>
      add({ source, createdAt, name, audio, durationS }),
    cancel: (id: number): void => {
      const stop = running.get(id);
      if (stop) stop();
      else apply(id, { type: "cancelled" });
    },
  };
}

/** What the page can tell without sending a large file first. */
function refusal(audio: Blob, service: Service): Problem | null {
  if (audio.size === 0) return localProblem("empty_file");
  const limit = service.kind === "known" ? service.status.limits.max_body_bytes : 0;
  return limit > 0 && audio.size > limit ? localProblem("body_too_large") : null;
}
