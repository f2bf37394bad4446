import { type Accessor, createSignal, type Setter } from "solid-js";
import {
  begin,
  collide,
  type Edit,
  type Editing,
  IDLE,
  isUnsaved,
  type Kept,
  mergingEdits,
  refuse,
  revive,
  save,
  savingEdits,
  splittingEdits,
  tidy,
  type,
} from "../lib/transcript/editing";
import type { Line } from "../lib/transcript/types";
import type { Problem } from "../lib/types";
import type { Document } from "./transcript";

/** What could not be saved, and where: the place is the last one that its line was seen at. */
export interface Draft {
  version: number;
  index: number;
  edit: Kept;
}

export type LineEditor = ReturnType<typeof createLineEditor>;

/** A line that is edited in place. Whatever happens, what was typed is kept until it is saved or given up by the user. */
export function createLineEditor(transcript: Document, onOpen: (index: number) => void) {
  const [state, set] = createSignal<Editing>(IDLE);
  const [saved, setSaved] = createSignal(0);
  let underway: Promise<unknown> = Promise.resolve();
  const { send, prepare, store, settled } = createSaving(transcript, state, set, () => setSaved((count) => count + 1));
  /** What is being typed in another line is saved first; where that cannot be, the other line stays open. */
  const open = async (wanted: number, caret?: number): Promise<void> => {
    const id = transcript.slots()[wanted]?.id;
    if (state().kind === "typing") await store();
    await settled();
    const index = id === undefined ? -1 : transcript.indexOf(id);
    const line = transcript.slots()[index];
    if (!line || state().kind !== "idle") return;
    set(begin(line, caret ?? line.text.length));
    onOpen(index);
  };
  const during = <T extends unknown[]>(work: (...wanted: T) => Promise<void>) => {
    return (...wanted: T): Promise<void> => {
      const running = work(...wanted);
      underway = running;
      return running;
    };
  };
  return {
    state,
    open,
    /** How often something was saved. */
    saved,
    /** Whether there is a draft that no line of what is shown has a place for: its line is gone, or in another version. */
    homeless: (): boolean => {
      const now = state();
      return now.kind === "conflict" && transcript.indexOf(now.id) < 0;
    },
    input: (draft: string): void => void set((now) => type(now, draft)),
    cancel: (): void => void set(IDLE),
    ...createLeaving(transcript, state, set, { store, finished: () => Promise.all([settled(), underway]), onOpen }),
    save: store,
    saveAndOpen: during(async (step: 1 | -1): Promise<void> => {
      const now = await prepare();
      if (!now || !(await send(savingEdits(now.line, now.draft)))) return;
      const next = step > 0 && !tidy(now.draft) ? now.index : now.index + step;
      await transcript.need(next, next + 1);
      await open(next);
    }),
    split: during(async (caret: number): Promise<void> => {
      const now = await prepare();
      const edits = now && splittingEdits(now.line, now.draft, caret);
      if (now && !edits) set(type(begin(now.line, caret), now.draft));
      if (edits && (await send(edits))) await open(now.index + 1, 0);
    }),
    merge: during(async (): Promise<void> => {
      const now = await prepare();
      const previous = now && transcript.slots()[now.index - 1];
      if (now && !previous) set(type(begin(now.line, 0), now.draft));
      if (!now || !previous) return;
      if (await send(mergingEdits(previous, now.line, now.draft))) await open(now.index - 1, previous.text.length + 1);
    }),
    /** Mine goes over theirs, as an edit that can be undone. */
    keepMine: async (): Promise<void> => {
      const now = state();
      const line = now.kind === "conflict" ? transcript.line(now.id) : undefined;
      if (now.kind !== "conflict" || !line) return;
      set(type(begin(line, now.draft.length), now.draft));
      await store();
    },
  };
}

interface Saving {
  store: () => Promise<boolean>;
  /** Resolves once nothing is being saved any more. */
  finished: () => Promise<unknown>;
  onOpen: (index: number) => void;
}

/** What becomes of a line that is being edited when its page is left, and when it is opened again. */
function createLeaving(
  transcript: Document,
  state: Accessor<Editing>,
  set: Setter<Editing>,
  { store, finished, onOpen }: Saving,
) {
  return {
    /** What is not saved now. */
    draft: (): Draft | null => draftOf(transcript, state()),
    /** Saves what is being typed, whatever becomes of the page; what could not be saved. */
    leave: async (): Promise<Draft | null> => {
      if (state().kind === "typing") await store();
      await finished();
      return draftOf(transcript, state());
    },
    /** Goes on with what could not be saved before; false where its line is not known, or another one is being edited. */
    goOn: async ({ index, edit }: Draft): Promise<boolean> => {
      await transcript.need(index, index + 1);
      if (transcript.indexOf(edit.id) < 0) await transcript.readAll(() => undefined);
      const place = transcript.indexOf(edit.id);
      const unknown = place < 0 && transcript.slots().includes(undefined);
      if (unknown || state().kind !== "idle") return false;
      set(revive(edit, transcript.slots()[place]));
      if (place >= 0 && state().kind !== "idle") onOpen(place);
      return true;
    },
  };
}

/** What is being saved has an answer to come: until then it counts as typed. */
function draftOf(transcript: Document, state: Editing): Draft | null {
  if (state.kind === "idle" || !isUnsaved(state)) return null;
  const edit: Kept =
    state.kind === "saving" ? { ...state, kind: "typing", caret: state.draft.length, problem: null } : state;
  return { version: transcript.head()?.version ?? 0, index: Math.max(0, transcript.indexOf(state.id)), edit };
}

/** How a draft becomes an edit of the transcript, whoever else edits it meanwhile. */
function createSaving(transcript: Document, state: Accessor<Editing>, set: Setter<Editing>, onSaved: () => void) {
  let running: Promise<unknown> = Promise.resolve();
  const refused = (problem: Problem): false => {
    set((before) => refuse(before, problem));
    return false;
  };
  /** Once more where somebody has edited another line meanwhile, which stands in nobody's way. */
  const send = async (edits: Edit[], again = true): Promise<boolean> => {
    const answer = edits.length > 0 ? await transcript.submit(edits) : null;
    if (answer && !answer.ok) {
      if (answer.problem.code !== "edit_conflict" || !again) return refused(answer.problem);
      return (await stillThere()) !== null && send(edits, false);
    }
    set(IDLE);
    onSaved();
    return true;
  };
  /** The place of the line that is saved, as it was when it was opened; null where the user has to decide first. */
  const stillThere = async (): Promise<number | null> => {
    const { id } = state() as { id: string };
    if (transcript.indexOf(id) < 0) await transcript.readAll(() => undefined);
    const index = transcript.indexOf(id);
    // What could not be read is not gone.
    const problem = index < 0 ? transcript.problem() : null;
    if (problem) {
      refused(problem);
      return null;
    }
    return set((now) => collide(now, transcript.slots()[index])).kind === "conflict" ? null : index;
  };
  /** Begins to save; what is done with the line needs its place and its draft. */
  const prepare = async (): Promise<{ line: Line; index: number; draft: string } | null> => {
    const now = state();
    if (now.kind !== "typing") return null;
    set(save);
    const index = await stillThere();
    const line = index === null ? undefined : transcript.slots()[index];
    return line && index !== null ? { line, index, draft: now.draft } : null;
  };
  const saveDraft = async (): Promise<boolean> => {
    const now = await prepare();
    return now !== null && send(savingEdits(now.line, now.draft));
  };
  const store = (): Promise<boolean> => {
    const saving = saveDraft();
    running = saving;
    return saving;
  };
  return { send, prepare, store, settled: () => running };
}
