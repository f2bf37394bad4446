import { createSignal } from "solid-js";
import {
  begin,
  collide,
  type Edit,
  type Editing,
  IDLE,
  mergingEdits,
  refuse,
  save,
  savingEdits,
  splittingEdits,
  tidy,
  type,
} from "../lib/transcript/editing";
import type { Line } from "../lib/transcript/types";
import type { Problem } from "../lib/types";
import type { Document } from "./transcript";

export type LineEditor = ReturnType<typeof createLineEditor>;

/** A line that is edited in place. Whatever happens, what was typed is kept until it is saved or given up by the user. */
export function createLineEditor(transcript: Document, onOpen: (index: number) => void) {
  const [state, set] = createSignal<Editing>(IDLE);
  const open = (index: number, caret?: number): void => {
    const line = transcript.slots()[index];
    if (!line) return;
    set(begin(line, caret ?? line.text.length));
    onOpen(index);
  };
  const refused = (problem: Problem): false => {
    set((before) => refuse(before, problem));
    return false;
  };
  /** Once more where somebody has edited another line meanwhile, which stands in nobody's way. */
  const send = async (edits: Edit[], again = true): Promise<boolean> => {
    set(save);
    const answer = edits.length > 0 ? await transcript.submit(edits) : null;
    if (answer && !answer.ok) {
      if (answer.problem.code !== "edit_conflict" || !again) return refused(answer.problem);
      const now = set((before) => collide(before, "id" in before ? transcript.line(before.id) : undefined));
      return now.kind === "saving" ? send(edits, false) : false;
    }
    set(IDLE);
    return true;
  };
  /** The line with its draft; what is done with it needs both. */
  const current = (): { line: Line; index: number; draft: string } | null => {
    const now = state();
    const index = now.kind === "typing" ? transcript.indexOf(now.id) : -1;
    const line = transcript.slots()[index];
    return now.kind === "typing" && line ? { line, index, draft: now.draft } : null;
  };
  const store = async (): Promise<boolean> => {
    const now = current();
    return now ? send(savingEdits(now.line, now.draft)) : true;
  };
  return {
    state,
    open,
    input: (draft: string): void => void set((now) => type(now, draft)),
    cancel: (): void => void set(IDLE),
    save: store,
    saveAndOpen: async (step: 1 | -1): Promise<void> => {
      const now = current();
      if (!now) return;
      const gone = !tidy(now.draft);
      if (!(await store())) return;
      const next = step > 0 && gone ? now.index : now.index + step;
      await transcript.need(next, next + 1);
      open(next);
    },
    split: async (caret: number): Promise<void> => {
      const now = current();
      const edits = now && splittingEdits(now.line, now.draft, caret);
      if (edits && (await send(edits))) open(now.index + 1, 0);
    },
    merge: async (): Promise<void> => {
      const now = current();
      const previous = now && transcript.slots()[now.index - 1];
      if (!previous) return;
      if (await send(mergingEdits(previous, now.line, now.draft))) open(now.index - 1, previous.text.length + 1);
    },
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
