import { type Accessor, createContext, createEffect, createMemo, createSignal, on, useContext } from "solid-js";
import { load, save } from "../../io/storage";
import type { Match } from "../../lib/transcript/find";
import { wordAt } from "../../lib/transcript/lookup";
import { lineAt } from "../../lib/transcript/slots";
import { speakersOf, withLooks } from "../../lib/transcript/speakers";
import { createLineEditor, type LineEditor } from "../../state/editing";
import { createFinder, type Finder } from "../../state/finding";
import type { Listening } from "../../state/listening";
import type { Document } from "../../state/transcript";

/** What the parts of the transcript page share. */
export interface Reading {
  transcript: Document;
  listening: Listening;
  editor: LineEditor;
  finder: Finder;
  /** The place of the line that is heard; -1 before the first. */
  sounding: Accessor<number>;
  /** The place of the word that is heard, in its line; -1 for none. */
  word: Accessor<number>;
  /** Whether the line that is heard is kept in sight. */
  follow: Accessor<boolean>;
  setFollow: (follow: boolean) => void;
  /** The place of the line whose controls can be reached by Tab. */
  focused: Accessor<number>;
  setFocused: (index: number) => void;
  /** The line that must not leave the page. */
  kept: Accessor<number>;
  /** A line to be brought into sight. */
  wanted: Accessor<{ index: number } | null>;
  bring: (index: number) => void;
  /** Everyone who is named in what has been read. */
  speakers: Accessor<string[]>;
  looks: Accessor<ReadonlyMap<string, number>>;
  doubt: Accessor<boolean>;
  setDoubt: (marked: boolean) => void;
  /** How often it was told that there is a waveform. */
  waveforms: Accessor<number>;
}

export const ReadingContext = createContext<Reading>();

export function useReading(): Reading {
  const reading = useContext(ReadingContext);
  if (!reading) throw new Error("useReading outside of ReadingContext");
  return reading;
}

const DOUBT = "doubt";

export function createReading(transcript: Document, listening: Listening, waveforms: Accessor<number>): Reading {
  const [focused, setFocused] = createSignal(0);
  const [follow, setFollow] = createSignal(true);
  const [wanted, setWanted] = createSignal<{ index: number } | null>(null);
  const [doubt, setDoubt] = createSignal(load(DOUBT) === "yes");
  const bring = (index: number): void => void setWanted({ index });
  const open = (index: number): void => {
    setFocused(index);
    bring(index);
  };
  const editor = createLineEditor(transcript, open);
  const finder = createFinder(transcript, (match: Match) => open(match.line));
  const sounding = createSounding(transcript, listening);
  createEffect(
    on(sounding.line, (index) => {
      if (index >= 0 && listening.playing() && follow() && editor.state().kind === "idle") bring(index);
    }),
  );
  const speakers = createMemo(() => speakersOf(transcript.slots()));
  const looks = createMemo<ReadonlyMap<string, number>>((known) => withLooks(known, speakers()), new Map());
  return {
    transcript,
    listening,
    editor,
    finder,
    sounding: sounding.line,
    word: sounding.word,
    follow,
    setFollow,
    focused,
    setFocused,
    kept: focused,
    wanted,
    bring,
    speakers,
    looks,
    doubt,
    setDoubt: (marked) => {
      setDoubt(marked);
      save(DOUBT, marked ? "yes" : "no");
    },
    waveforms,
  };
}

/** Two binary searches for each frame; whoever reads them hears of a change only. */
function createSounding(transcript: Document, { time }: Listening) {
  const located = createMemo(() => lineAt(transcript.slots(), time(), transcript.head()?.duration ?? 0), undefined, {
    equals: (a, b) => a?.kind === b.kind && (a as { index?: number }).index === (b as { index?: number }).index,
  });
  createEffect(() => {
    const place = located();
    if (place.kind === "unread") void transcript.need(place.index, place.index + 1);
  });
  const line = createMemo(() => {
    const place = located();
    return place.kind === "line" && time() > 0 ? place.index : -1;
  });
  const word = createMemo(() => {
    const heard = transcript.slots()[line()];
    return heard?.words && time() <= heard.end + 0.2 ? wordAt(heard.words, time()) : -1;
  });
  return { line, word };
}
