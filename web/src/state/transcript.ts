import { batch, createSignal, onCleanup } from "solid-js";
import type { Answer } from "../api/client";
import { type Edited, edit, type Head, type Place, readLines, type Transcript, takeBack } from "../api/transcripts";
import type { Edit } from "../lib/transcript/editing";
import { emptySlots, firstHole, lineAt, type Slots, withChange, withPage } from "../lib/transcript/slots";
import type { Line } from "../lib/transcript/types";
import type { Problem } from "../lib/types";

const PAGE = 200;
/** More pages than it takes to find any time in a transcript. */
const MOST_LOOKS = 12;

export interface Shown extends Head {
  undo: boolean;
  redo: boolean;
}

export type Document = ReturnType<typeof createDocument>;

/** A transcript that is read in pages as they are needed, and edited through the API. */
export function createDocument(recording: string) {
  const [head, setHead] = createSignal<Shown | null>(null);
  const [slots, setSlots] = createSignal<Slots>([]);
  const [problem, setProblem] = createSignal<Problem | null>(null);
  const [busy, setBusy] = createSignal(0);
  const abort = new AbortController();
  const reading = new Map<number, Promise<void>>();
  let visible: [number, number] = [0, 0];
  let queue: Promise<unknown> = Promise.resolve();
  onCleanup(() => abort.abort());

  const place = (): Place => ({ recording, version: String(head()?.version ?? "current") });
  const page = (from: number, version: string): Promise<Answer<Transcript>> =>
    readLines({ recording, version }, { from, limit: PAGE, words: true }, abort.signal);

  /** Puts a version in the place of what is shown, from the line on that is in sight. */
  const show = async (version: string, from = 0): Promise<void> => {
    const answer = await page(from, version);
    if (abort.signal.aborted) return;
    batch(() => {
      setProblem(answer.ok ? null : answer.problem);
      if (!answer.ok) return;
      reading.clear();
      setHead(shownOf(answer.value));
      setSlots(withPage(emptySlots(answer.value.count), from, answer.value.segments as Line[]));
    });
  };
  const refresh = (): Promise<void> => show(place().version, Math.max(0, visible[0] - PAGE / 4));

  const read = async (from: number): Promise<void> => {
    const { version } = place();
    const answer = await page(from, version);
    if (abort.signal.aborted || version !== place().version) return;
    if (!answer.ok) setProblem(answer.problem);
    else if (answer.value.revision !== head()?.revision || answer.value.count !== slots().length) await refresh();
    else {
      setProblem(null);
      setSlots((now) => withPage(now, from, answer.value.segments as Line[]));
    }
  };
  /** Reads what is missing between two places. */
  const need = async (from: number, to: number): Promise<void> => {
    const hole = firstHole(slots(), from, to);
    if (hole === null) return;
    const start = Math.max(0, Math.min(hole, slots().length - PAGE));
    const running = reading.get(start) ?? read(start).finally(() => reading.delete(start));
    reading.set(start, running);
    await running;
  };

  const accept = async (edited: Edited, flags: Pick<Shown, "undo" | "redo">): Promise<void> => {
    const next = withChange(slots(), { changed: edited.changed as Line[], removed: edited.removed });
    const { changed: _, removed: __, ...known } = edited;
    batch(() => {
      setHead((now) => ({ ...known, ...flags, current: now?.current ?? known.current }));
      if (next) setSlots(next);
    });
    if (!next) await refresh();
  };
  /** One request after the other: each has to know the revision that the one before it made. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    setBusy((count) => count + 1);
    const done = queue.then(work).finally(() => setBusy((count) => count - 1));
    queue = done.catch(() => undefined);
    return done;
  };
  const submit = (edits: Edit[]): Promise<Answer<Edited>> =>
    inTurn(async () => {
      const before = head()?.revision ?? 0;
      const answer = await edit(place(), before, edits);
      if (answer.ok && answer.value.revision !== before) await accept(answer.value, { undo: true, redo: false });
      else if (!answer.ok && answer.problem.code === "edit_conflict") await refresh();
      return answer;
    });
  const back = (what: "undo" | "redo"): Promise<Answer<Edited>> =>
    inTurn(async () => {
      const answer = await takeBack(place(), head()?.revision ?? 0, what);
      if (answer.ok) await accept(answer.value, await flagsOf(place(), abort.signal, what));
      else await refresh();
      return answer;
    });

  return {
    recording,
    head,
    slots,
    /** Why it could not be read the last time; `transcript_not_found` where there is none yet. */
    problem,
    busy: (): boolean => busy() > 0,
    show,
    refresh,
    need,
    setVisible: (from: number, to: number): void => {
      visible = [from, to];
      void need(from, to);
    },
    submit,
    undo: () => back("undo"),
    redo: () => back("redo"),
    indexOf: (id: string): number => slots().findIndex((line) => line?.id === id),
    line: (id: string): Line | undefined => slots().find((line) => line?.id === id),
    /** Where a time is heard, once that is known; -1 before the first line. */
    locate: async (time: number): Promise<number> => {
      for (let look = 0; look < MOST_LOOKS; look++) {
        const found = lineAt(slots(), time, head()?.duration ?? 0);
        if (found.kind !== "unread") return found.kind === "line" ? found.index : -1;
        await need(found.index, found.index + 1);
      }
      return -1;
    },
    /** Reads everything, for a search; told how far it is. False where it could not be read. */
    readAll: async (onProgress: (share: number) => void): Promise<boolean> => {
      for (let at = firstHole(slots(), 0, slots().length); at !== null; at = firstHole(slots(), 0, slots().length)) {
        onProgress(at / slots().length);
        await need(at, at + 1);
        if (problem() || abort.signal.aborted) return false;
      }
      return true;
    },
  };
}

function shownOf(transcript: Transcript): Shown {
  const { segments: _, count: __, next: ___, ...head } = transcript;
  return head;
}

/** What can be taken back after an undo or a redo: the answer to those does not say. */
async function flagsOf(
  place: Place,
  signal: AbortSignal,
  done: "undo" | "redo",
): Promise<Pick<Shown, "undo" | "redo">> {
  const answer = await readLines(place, { from: 0, limit: 1, words: false }, signal);
  if (answer.ok) return { undo: answer.value.undo, redo: answer.value.redo };
  return { undo: done === "redo", redo: done === "undo" };
}
