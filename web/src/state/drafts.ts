import { createSignal } from "solid-js";
import type { Draft } from "./editing";

export type Drafts = ReturnType<typeof createDrafts>;

/** What could not be saved of transcripts whose page was left, by recording, until their page is opened again. */
export function createDrafts() {
  const [drafts, setDrafts] = createSignal<ReadonlyMap<string, Draft>>(new Map());
  return {
    any: (): boolean => drafts().size > 0,
    of: (recording: string): Draft | undefined => drafts().get(recording),
    keep: (recording: string, draft: Draft): void => void setDrafts((now) => new Map(now).set(recording, draft)),
    drop: (recording: string): void =>
      void setDrafts((now) => new Map([...now].filter(([other]) => other !== recording))),
  };
}
