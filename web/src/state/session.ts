import { createEffect, createSignal, onCleanup, onMount } from "solid-js";
import { createStore } from "solid-js/store";
import type { Answer, Shape } from "../api/client";
import { cancelJob, retryJob, transcribeAgain } from "../api/jobs";
import { load, save } from "../io/storage";
import { fields, knownProfile, understoodElsewhere } from "../lib/options";
import { decodesElsewhere, type Service } from "../lib/service";
import { stamp } from "../lib/time";
import type { Options } from "../lib/types";
import type { Watcher } from "../recording/items";
import { extensionOf } from "../recording/media-type";
import { createOutbox, type NewItem, type Writer } from "../recording/outbox";
import { viewOf } from "../recording/view";
import { createEntries, type Entry } from "./entries";
import { followEntries } from "./entry-events";

export type Session = ReturnType<typeof createSession>;

/** What is recorded or chosen is kept on this device until the service has it, and then followed until it is text. */
export function createSession(service: () => Service) {
  const entries = createEntries();
  const [unsafe, setUnsafe] = createSignal(false);
  const [options, setOptions] = createStore<Options>({
    language: "",
    task: "transcribe",
    profile: knownProfile(load("profile")),
    hotwords: load("hotwords") ?? "",
  });
  const outbox = createOutbox(createWatcher(entries, () => setUnsafe(true)));
  const understood = (): Options => {
    const wanted = { ...options };
    return decodesElsewhere(service()) ? understoodElsewhere(wanted) : wanted;
  };
  const described = (name: string, mediaType: string): NewItem => {
    const wanted = understood();
    return { name, mediaType, options: wanted, fields: fields(wanted) };
  };

  createEffect(() => save("profile", options.profile));
  createEffect(() => save("hotwords", options.hotwords));
  followEntries(entries);
  onMount(() => {
    outbox.recover();
    window.addEventListener("online", outbox.online);
    document.addEventListener("visibilitychange", outbox.recover);
  });
  onCleanup(() => {
    window.removeEventListener("online", outbox.online);
    document.removeEventListener("visibilitychange", outbox.recover);
  });
  return {
    entries,
    options,
    setOptions,
    /** Whether bytes are in this page alone: closing it would lose them. */
    atRisk: (): boolean => entries.all().some((entry) => isAtRisk(entry, unsafe())),
    unsafe,
    /** Begins a recording of which the first bytes are there. */
    record: (mediaType: string): Promise<Writer> =>
      outbox.record(described(`care-voice-${stamp(new Date())}.${extensionOf(mediaType)}`, mediaType)),
    addFile: async (file: File): Promise<void> => {
      const id = await outbox.addFile(file, described(file.name, file.type));
      entries.select(id);
    },
    ...createActions(entries, outbox, () => fields(understood())),
  };
}

function isAtRisk({ source, sending }: Entry, unsafe: boolean): boolean {
  const open = sending.phase === "sending" || sending.phase === "waiting" || sending.phase === "held";
  return open && (unsafe || source === "file");
}

function createWatcher(entries: ReturnType<typeof createEntries>, onUnsafe: () => void): Watcher {
  return {
    onUnsafe,
    onItem: entries.add,
    onSending: (id, sending, needsFile) => {
      const { recordingId } = sending;
      entries.change(id, { recordingId, sending: viewOf(sending, needsFile) });
    },
    onSent: (id, sent) => {
      const now = entries.find(id)?.sending;
      if (now) entries.change(id, { sending: { ...now, sent } });
    },
  };
}

/** What a person can do about an entry. */
function createActions(
  entries: ReturnType<typeof createEntries>,
  outbox: ReturnType<typeof createOutbox>,
  wanted: () => [string, string][],
) {
  const queued = async (id: string, request: Promise<Answer<unknown>>): Promise<void> => {
    const answer = await request;
    if (answer.ok) entries.apply(id, { type: "queued", id: (answer.value as Shape<"Job">).id });
    else entries.apply(id, { type: "refused", problem: answer.problem });
  };
  return {
    hold: outbox.hold,
    resume: outbox.resume,
    /** Sends again what was refused, or has again transcribed what could not be. */
    retry: ({ id, sending, job }: Entry): void => {
      if (sending.phase === "refused") outbox.retry(id);
      else if (job.id) void queued(id, retryJob(job.id));
    },
    /** The same recording with the options that are chosen now; the transcript that is there stays as a version. */
    again: ({ id, recordingId }: Entry): void => {
      if (recordingId) void queued(id, transcribeAgain(recordingId, wanted()));
    },
    /** Gives up sending it, or has the service stop transcribing. */
    cancel: ({ id, sending, job }: Entry): void => {
      if (sending.phase !== "complete") outbox.cancel(id);
      else if (job.id) void cancelJob(job.id);
    },
    /** Gives it up and shows it no more. */
    remove: (id: string): void => {
      outbox.cancel(id);
      entries.remove(id);
    },
    rest: outbox.rest,
  };
}
