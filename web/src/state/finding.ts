import { batch, createEffect, createMemo, createSignal, on } from "solid-js";
import { findAll, type Match, nextMatch, type Query, replaced } from "../lib/transcript/find";
import type { Problem } from "../lib/types";
import type { Document } from "./transcript";

export type Finder = ReturnType<typeof createFinder>;

/** Finds and replaces in the whole transcript, which is read for it. */
export function createFinder(transcript: Document, onMatch: (match: Match) => void) {
  const [isOpen, setOpen] = createSignal(false);
  const [query, setQuery] = createSignal<Query>({ text: "", matchCase: false });
  const [at, setAt] = createSignal(0);
  /** How much has been read; null when all of it has. */
  const [share, setShare] = createSignal<number | null>(null);
  const matches = createMemo<Match[]>(() => (isOpen() ? findAll(transcript.slots(), query()) : []));

  const go = (index: number): void => {
    setAt(index);
    const match = matches()[index];
    if (match) onMatch(match);
  };
  const readAll = async (): Promise<void> => {
    setShare(0);
    await transcript.readAll(setShare);
    setShare(null);
  };
  // Once more when all has been read: only then is the first match known.
  createEffect(
    on([query, () => share() === null], ([{ text }]) => {
      if (isOpen() && text) go(0);
    }),
  );
  const replaceOne = async (by: string): Promise<Problem | null> => {
    const match = matches()[at()];
    const line = match && transcript.slots()[match.line];
    if (!match || !line) return null;
    const text = replaced(line.text, match, by).trim();
    const edits = text
      ? [{ op: "set_text" as const, segment: line.id, text }]
      : [{ op: "delete_segment" as const, segment: line.id }];
    const answer = await transcript.submit(edits);
    if (!answer.ok) return answer.problem;
    go(nextMatch(matches(), match.line, match.from + by.length));
    return null;
  };
  return {
    isOpen,
    query,
    matches,
    at,
    share,
    open: (): void => {
      setOpen(true);
      void readAll();
    },
    close: (): void => {
      batch(() => {
        setOpen(false);
        setQuery((now) => ({ ...now, text: "" }));
        setAt(0);
      });
    },
    search: (changes: Partial<Query>): void => void setQuery((now) => ({ ...now, ...changes })),
    step: (by: 1 | -1): void => {
      const total = matches().length;
      if (total > 0) go((at() + by + total) % total);
    },
    replaceOne,
    /** How many were replaced, or why none were. */
    replaceAll: async (by: string): Promise<{ count: number; problem: Problem | null }> => {
      const count = matches().length;
      const { text, matchCase } = query();
      const answer = await transcript.submit([{ op: "replace_all", find: text, replace: by, match_case: matchCase }]);
      return { count, problem: answer.ok ? null : answer.problem };
    },
  };
}
