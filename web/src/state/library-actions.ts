import { changeMany, type FoundRecording } from "../api/library";
import { counted, t } from "../i18n/locale";
import { problemText } from "../lib/problem";
import { type Retagging, reversal, steps, type TagStep } from "../lib/retagging";
import type { Library } from "./library";
import { showToast } from "./toasts";

export type LibraryActions = ReturnType<typeof createLibraryActions>;

/** What is done to recordings of a list; what can be taken back offers that, and what was refused says why. */
export function createLibraryActions(library: Pick<Library, "remove" | "refresh">) {
  const fail = (code: string, detail: string): void => showToast({ tone: "bad", text: problemText(t(), code, detail) });

  /** Moves into the trash or out of it; the ids of those that were. */
  const move = async (action: "trash" | "restore", ids: string[]): Promise<string[]> => {
    const answer = await changeMany({ action, ids });
    if (!answer.ok) {
      fail(answer.problem.code, answer.problem.detail);
      return [];
    }
    const refused = answer.value.find(({ error }) => error)?.error;
    if (refused) fail(refused.code, refused.detail);
    const moved = answer.value.filter(({ ok }) => ok).map(({ id }) => id);
    library.remove(moved);
    return moved;
  };
  const moveWithUndo = async (action: "trash" | "restore", ids: string[]): Promise<void> => {
    const moved = await move(action, ids);
    if (moved.length === 0) return;
    const back = action === "trash" ? "restore" : "trash";
    showToast({
      text: counted(moved.length, action === "trash" ? t().library.trashed : t().library.restored),
      action: { label: t().states.undo, run: () => void move(back, moved).then(library.refresh) },
    });
    await library.refresh();
  };
  const retagged = async (asked: TagStep[]): Promise<boolean> => {
    for (const step of asked) {
      const answer = await changeMany(step);
      const problem = answer.ok ? answer.value.find(({ error }) => error)?.error : answer.problem;
      if (problem) {
        fail(problem.code, problem.detail);
        return false;
      }
    }
    return true;
  };
  const retag = async (recordings: readonly FoundRecording[], retagging: Retagging): Promise<void> => {
    const before = recordings.map(({ id, tags }) => ({ id, tags: [...tags] }));
    const undo = reversal(before, retagging);
    if (undo.length === 0) return;
    const done = await retagged(steps(before, retagging));
    await library.refresh();
    if (!done) return;
    showToast({
      text: counted(before.length, t().library.retagged),
      action: { label: t().states.undo, run: () => void retagged(undo).then(library.refresh) },
    });
  };
  return {
    trash: (ids: string[]) => moveWithUndo("trash", ids),
    restore: (ids: string[]) => moveWithUndo("restore", ids),
    retag,
  };
}
