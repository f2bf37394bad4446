import type { Problem } from "../types";
import type { Line } from "./types";

/** What is being edited, and how far it is. `before` is the text that the draft began with. */
export type Editing =
  | { kind: "idle" }
  | { kind: "typing"; id: string; before: string; draft: string; caret: number; problem: Problem | null }
  | { kind: "saving"; id: string; before: string; draft: string }
  /** Somebody else has changed or removed the same line meanwhile: `theirs` is null where it is gone. */
  | { kind: "conflict"; id: string; draft: string; theirs: string | null };

/** What is left of an edit that was not saved. */
export type Kept = Extract<Editing, { kind: "typing" | "conflict" }>;

export const IDLE: Editing = { kind: "idle" };

/** What a key asks for while a line is edited. */
export type Command = "save" | "cancel" | "split" | "merge" | "next" | "previous" | null;

interface Key {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  /** An input method is at work: the keys are its own. */
  isComposing: boolean;
  keyCode: number;
}

/** What Safari says of the key that ends a composition, as that has ended for it already: Enter would save the line. */
const OF_INPUT_METHOD = 229;

export function commandOf(event: Key, caret: { start: number; end: number }): Command {
  if (event.isComposing || event.keyCode === OF_INPUT_METHOD) return null;
  switch (event.key) {
    case "Enter":
      return event.ctrlKey || event.metaKey ? "split" : "save";
    case "Escape":
      return "cancel";
    case "Tab":
      return event.shiftKey ? "previous" : "next";
    case "Backspace":
      return caret.start === 0 && caret.end === 0 ? "merge" : null;
    default:
      return null;
  }
}

/** An edit as the API takes it. */
export type Edit =
  | { op: "set_text"; segment: string; text: string }
  | { op: "split"; segment: string; at: number }
  | { op: "merge" | "delete_segment"; segment: string }
  | { op: "set_speaker"; segments: string[]; speaker: string }
  | { op: "rename_speaker"; speaker: string; to: string }
  | { op: "replace_all"; find: string; replace: string; match_case: boolean };

/** One line with single spaces, as the service keeps it. */
export function tidy(text: string): string {
  return text.split(/\s+/u).filter(Boolean).join(" ");
}

/** How many characters (code points) of the tidied text stand before the caret, which counts UTF-16 of the raw one. */
export function splitAt(raw: string, caret: number): number {
  const left = raw.slice(0, caret).replace(/\s+/gu, " ").trimStart();
  return Math.min([...left].length, [...tidy(raw)].length);
}

/** What saves a draft: nothing where nothing changed; a line without text is taken away. */
export function savingEdits(line: Line, draft: string): Edit[] {
  const text = tidy(draft);
  if (text === line.text) return [];
  return text ? [{ op: "set_text", segment: line.id, text }] : [{ op: "delete_segment", segment: line.id }];
}

/** What saves a draft and makes two lines of it; null where one of them would be empty. */
export function splittingEdits(line: Line, draft: string, caret: number): Edit[] | null {
  const at = splitAt(draft, caret);
  const characters = [...tidy(draft)];
  const halves = [characters.slice(0, at), characters.slice(at)].map((half) => half.join("").trim());
  if (!halves.every(Boolean)) return null;
  return [...savingEdits(line, draft), { op: "split", segment: line.id, at }];
}

/** What saves a draft and puts it behind the line before it. */
export function mergingEdits(previous: Line, line: Line, draft: string): Edit[] {
  const saving = savingEdits(line, draft);
  return tidy(draft) ? [...saving, { op: "merge", segment: previous.id }] : saving;
}

export function begin(line: Line, caret: number): Editing {
  return { kind: "typing", id: line.id, before: line.text, draft: line.text, caret, problem: null };
}

export function type(state: Editing, draft: string): Editing {
  return state.kind === "typing" ? { ...state, draft, problem: null } : state;
}

export function save(state: Editing): Editing {
  return state.kind === "typing" ? { kind: "saving", id: state.id, before: state.before, draft: state.draft } : state;
}

/** Whether closing the page would lose something that was typed. */
export function isUnsaved(state: Editing): boolean {
  if (state.kind === "typing") return tidy(state.draft) !== state.before;
  return state.kind !== "idle";
}

/** It could not be saved: the draft stays, with the reason. */
export function refuse(state: Editing, problem: Problem): Editing {
  if (state.kind !== "saving") return state;
  const { id, before, draft } = state;
  return { kind: "typing", id, before, draft, caret: draft.length, problem };
}

/**
 * Somebody else was faster. Where the line is still as it was when the draft began, or says the same as the draft already,
 * nothing stands against saving again (`saving`); else the user decides between both texts.
 */
export function collide(state: Editing, now: Line | undefined): Editing {
  if (state.kind !== "saving") return state;
  if (now?.text === state.before || now?.text === tidy(state.draft)) return state;
  return { kind: "conflict", id: state.id, draft: state.draft, theirs: now?.text ?? null };
}

/** A draft that was kept goes on where its line is as it was; else the user decides, unless both say the same. */
export function revive(kept: Kept, now: Line | undefined): Editing {
  if (now && now.text === tidy(kept.draft)) return IDLE;
  const untouched = kept.kind === "typing" && now?.text === kept.before;
  return untouched ? kept : { kind: "conflict", id: kept.id, draft: kept.draft, theirs: now?.text ?? null };
}
