import { batch, createSignal, onCleanup } from "solid-js";
import type { Answer } from "../api/client";
import { type Edited, edit, type Head, type Place, readLines, type Transcript, takeBack } from "../api/transcripts";
import type { Edit } from "../lib/transcript/editing";
import { emptySlots, firstHole, type Slots, withChange, withPage } from "../lib/transcript/slots";
import type { Line } from "../lib/transcript/types";
import type { Problem } from "../lib/types";

const PAGE = 200;
export interface Shown extends Head {
  undo: boolean;
  redo: boolean;
}

export type Document = ReturnType<typeof createDocument>;

/** A transcript that is read in pages as they are needed, and edited through the API. */
export function createDocument(recording: string) {
  const pages = createPages(recording);
  const { head, slots, need } = pages;
  return {
    recording,
    head,
    slots,
    /** Why it could not be read the last time; `transcript_not_found` where there is none yet. */
    problem: pages.problem,
    show: pages.show,
    refresh: pages.refresh,
    need,
    setVisible: pages.setVisible,
    ...createChanges(pages),
    indexOf: (id: string): number => slots().findIndex((line) => line?.id === id),
    line: (id: string): Line | undefined => slots().find((line) => line?.id === id),
    /** Reads everything, for a search; told how far it is. */
    readAll: async (onProgress: (share: number) => void): Promise<void> => {
      const hole = (): number | null => firstHole(slots(), 0, slots().length);
      for (let at = hole(); at !== null; at = hole()) {
        onProgress(at / slots().length);
        await need(at, at + 1);
        if (pages.problem() || pages.gone()) return;
      }
    },
  };
}

type Pages = ReturnType<typeof createPages>;

/** What has been read of a transcript. */
function createPages(recording: string) {
  const [head, setHead] = createSignal<Shown | null>(null);
  const [slots, setSlots] = createSignal<Slots>([]);
  const [problem, setProblem] = createSignal<Problem | null>(null);
  const abort = new AbortController();
  const reading = new Map<number, Promise<void>>();
  let visible = 0;
  /** What is to be shown and is not here yet. */
  let awaited: { version: string } | null = null;
  let showing: Promise<void> = Promise.resolve();
  onCleanup(() => abort.abort());

  const place = (): Place => ({ recording, version: String(head()?.version ?? "current") });
  const page = (from: number, version: string): Promise<Answer<Transcript>> =>
    readLines({ recording, version }, { from, limit: PAGE, words: true }, abort.signal);
  const show = (version: string, from = 0): Promise<void> => {
    awaited = { version };
    showing = take(awaited, from);
    return showing;
  };
  const take = async (mine: { version: string }, from: number): Promise<void> => {
    const answer = await page(from, mine.version);
    if (abort.signal.aborted) return;
    // Something else was asked for meanwhile, which may have come before.
    if (awaited !== mine) return showing;
    awaited = null;
    batch(() => {
      setProblem(answer.ok ? null : answer.problem);
      if (!answer.ok) return;
      reading.clear();
      setHead(shownOf(answer.value));
      setSlots(withPage(emptySlots(answer.value.count), from, answer.value.segments as Line[]));
    });
  };
  /** Reads it anew, beginning with what is in sight. */
  const refresh = (): Promise<void> => show(awaited?.version ?? place().version, Math.max(0, visible - PAGE / 4));
  const read = async (from: number): Promise<void> => {
    const { version } = place();
    const answer = await page(from, version);
    if (abort.signal.aborted || version !== place().version) return;
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    // Pages of two revisions do not fit together.
    if (answer.value.revision !== head()?.revision || answer.value.count !== slots().length) await refresh();
    else setSlots((now) => withPage(now, from, answer.value.segments as Line[]));
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
  const setVisible = (from: number, to: number): void => {
    visible = from;
    void need(from, to);
  };
  const gone = (): boolean => abort.signal.aborted;
  return { head, setHead, slots, setSlots, problem, place, show, refresh, need, setVisible, gone };
}

/** Edits, one request after the other: each has to know the revision that the one before it made. */
function createChanges({ head, setHead, slots, setSlots, place, refresh }: Pages) {
  const [waiting, setWaiting] = createSignal(0);
  let queue: Promise<unknown> = Promise.resolve();

  const accept = async (edited: Edited, flags: Pick<Shown, "undo" | "redo">): Promise<void> => {
    // Another version is read by now; the edit is in its own one.
    if (edited.version !== head()?.version) return;
    const next = withChange(slots(), { changed: edited.changed as Line[], removed: edited.removed });
    const { changed: _, removed: __, ...known } = edited;
    batch(() => {
      setHead({ ...known, ...flags });
      if (next) setSlots(next);
    });
    if (!next) await refresh();
  };
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    setWaiting((count) => count + 1);
    const done = queue.then(work).finally(() => setWaiting((count) => count - 1));
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
      if (answer.ok) await accept(answer.value, await flagsOf(place(), what));
      else await refresh();
      return answer;
    });
  return { busy: (): boolean => waiting() > 0, submit, undo: () => back("undo"), redo: () => back("redo") };
}

function shownOf(transcript: Transcript): Shown {
  const { segments: _, count: __, next: ___, ...head } = transcript;
  return head;
}

/** What can be taken back after an undo or a redo: the answer to those does not say. */
async function flagsOf(place: Place, done: "undo" | "redo"): Promise<Pick<Shown, "undo" | "redo">> {
  const answer = await readLines(place, { from: 0, limit: 1, words: false }, null);
  if (answer.ok) return { undo: answer.value.undo, redo: answer.value.redo };
  return { undo: done === "redo", redo: done === "undo" };
}
