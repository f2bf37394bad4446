import { createEffect, createSignal, onCleanup, onMount } from "solid-js";
import { createStore } from "solid-js/store";
import type { Answer, Shape } from "../api/client";
import { cancelJob, retryJob, transcribeAgain } from "../api/jobs";
import { t } from "../i18n/locale";
import { load, save } from "../io/storage";
import { fields, knownProfile, knownScript, understoodElsewhere } from "../lib/options";
import { decodesElsewhere, type Service } from "../lib/service";
import { recordedName } from "../lib/time";
import type { Options } from "../lib/types";
import type { Watcher } from "../recording/items";
import { extensionOf } from "../recording/media-type";
import type { NewItem, Writer } from "../recording/outbox";
import { viewOf } from "../recording/view";
import { createLateOutbox, type WithOutbox } from "./engine";
import { createEntries, type Entry } from "./entries";
import { followEntries } from "./entry-events";
import { showToast } from "./toasts";

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
    script: knownScript(load("script")),
  });
  const withOutbox = createLateOutbox(createWatcher(entries, () => setUnsafe(true)));
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
  createEffect(() => save("script", options.script));
  followEntries(entries);
  recoverWhenShown(withOutbox);
  return {
    entries,
    options,
    setOptions,
    /** Whether bytes are in this page alone: closing it would lose them. */
    atRisk: (): boolean => entries.all().some((entry) => isAtRisk(entry, unsafe())),
    unsafe,
    /** Begins a recording of which the first bytes are there. */
    record: (mediaType: string): Promise<Writer> =>
      withOutbox((outbox) => {
        const name = recordedName(new Date(), extensionOf(mediaType));
        return outbox.record(described(name, mediaType));
      }),
    addFile: async (file: File): Promise<void> => {
      try {
        entries.select(await withOutbox((outbox) => outbox.addFile(file, described(file.name, file.type))));
      } catch {
        // The file is gone meanwhile, or that which sends could not be loaded.
        showToast({ text: t().problems.page_failed, tone: "bad" });
      }
    },
    ...createActions(entries, withOutbox, () => fields(understood())),
  };
}

/** Looks for what an earlier visit has left behind, also when the page comes to the front again. */
function recoverWhenShown(withOutbox: WithOutbox): void {
  const recover = (): void => {
    if (document.visibilityState === "visible") withOutbox((outbox) => outbox.recover()).catch(() => undefined);
  };
  const online = (): void => void withOutbox((outbox) => outbox.online());
  onMount(() => {
    recover();
    window.addEventListener("online", online);
    document.addEventListener("visibilitychange", recover);
  });
  onCleanup(() => {
    window.removeEventListener("online", online);
    document.removeEventListener("visibilitychange", recover);
  });
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
  withOutbox: WithOutbox,
  wanted: () => [string, string][],
) {
  const queued = async (id: string, request: Promise<Answer<unknown>>): Promise<void> => {
    const answer = await request;
    if (answer.ok) entries.apply(id, { type: "queued", id: (answer.value as Shape<"Job">).id });
    else entries.apply(id, { type: "refused", problem: answer.problem });
  };
  const cancel = (id: string): void => void withOutbox((outbox) => outbox.cancel(id));
  return {
    hold: (id: string): void => void withOutbox((outbox) => outbox.hold(id)),
    resume: (id: string): void => void withOutbox((outbox) => outbox.resume(id)),
    /** Sends again what was refused, or has again transcribed what could not be. */
    retry: ({ id, sending, job }: Entry): void => {
      if (sending.phase === "refused") void withOutbox((outbox) => outbox.retry(id));
      else if (job.id) void queued(id, retryJob(job.id));
    },
    /** The same recording with the options that are chosen now; the transcript that is there stays as a version. */
    again: ({ id, recordingId }: Entry): void => {
      if (recordingId) void queued(id, transcribeAgain(recordingId, wanted()));
    },
    /** Gives up sending it, or has the service stop transcribing. */
    cancel: ({ id, sending, job }: Entry): void => {
      if (sending.phase !== "complete") cancel(id);
      else if (job.id) void cancelJob(job.id);
    },
    /** Gives it up and shows it no more. */
    remove: (id: string): void => {
      cancel(id);
      entries.remove(id);
    },
    rest: (id: string): Promise<Blob> => withOutbox((outbox) => outbox.rest(id)),
  };
}
