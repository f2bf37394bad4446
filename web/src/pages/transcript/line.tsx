import { createEffect, createMemo, Index, type JSX, Match, Show, Switch } from "solid-js";
import { IconButton } from "../../design/button";
import { t } from "../../i18n/locale";
import { clock } from "../../lib/time";
import { rangesIn } from "../../lib/transcript/find";
import { doubt, textsOf, wordsOf } from "../../lib/transcript/lookup";
import type { Line } from "../../lib/transcript/types";
import { Conflict, LineField } from "./line-field";
import { useReading } from "./reading";
import { SpeakerButton } from "./speaker-button";

interface RowProps {
  line: Line;
  index: number;
}

export function LineRow(props: RowProps): JSX.Element {
  const reading = useReading();
  const state = reading.editor.state;
  const sounding = () => reading.sounding() === props.index;
  const editing = () => {
    const now = state();
    return now.kind !== "idle" && now.id === props.line.id ? now : null;
  };
  const reachable = () => (reading.focused() === props.index ? 0 : -1);
  const time = () => clock(props.line.start);
  return (
    <div
      class="line"
      data-testid="line"
      data-id={props.line.id}
      data-sounding={sounding() ? "" : undefined}
      onFocusIn={() => reading.setFocused(props.index)}
    >
      <div class="line__head">
        <button
          type="button"
          class="line__time"
          data-control="time"
          tabindex={reachable()}
          aria-label={t().transcript.playFrom(time())}
          aria-current={sounding() ? "true" : undefined}
          onClick={() => reading.listening.playFrom(props.line.start)}
        >
          {time()}
        </button>
        <SpeakerButton line={props.line} tabindex={reachable()} />
      </div>
      <Switch fallback={<Words line={props.line} index={props.index} />}>
        <Match when={editing()?.kind === "conflict"}>
          <Conflict />
        </Match>
        <Match when={editing()}>
          <LineField time={time()} />
        </Match>
      </Switch>
      <Show when={!editing()}>
        <EditButton index={props.index} time={time()} tabindex={reachable()} />
      </Show>
    </div>
  );
}

function EditButton(props: { index: number; time: string; tabindex: number }): JSX.Element {
  const reading = useReading();
  return (
    <span class="line__edit">
      <IconButton
        icon="edit"
        label={t().edit.line(props.time)}
        tabindex={props.tabindex}
        data-control="edit"
        data-testid="edit-line"
        onClick={() => reading.editor.open(props.index)}
      />
    </span>
  );
}

/** The words, each of which plays from where it is said; for the keyboard the button with the time does so. */
function Words(props: RowProps): JSX.Element {
  const reading = useReading();
  const words = createMemo(() => wordsOf(props.line));
  const texts = createMemo(() => textsOf(props.line));
  const marks = createMarks(props, texts);
  let text: HTMLParagraphElement | undefined;
  let lit: Element | null = null;

  // Two changes in the page for each word, whatever the number of lines and words.
  createEffect(() => {
    const word = reading.sounding() === props.index ? reading.word() : -1;
    words();
    lit?.removeAttribute("data-now");
    lit = word < 0 ? null : (text?.children[word] ?? null);
    lit?.setAttribute("data-now", "");
  });
  const onClick = (event: MouseEvent): void => {
    const word = words()[placeOf(event.target)];
    if (word && getSelection()?.isCollapsed !== false) reading.listening.playFrom(word.start);
  };
  const onDblClick = (event: MouseEvent): void => {
    const before = texts().slice(0, placeOf(event.target) + 1);
    reading.editor.open(props.index, before.join("").length);
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the buttons beside it do the same.
    <p class="line__text" ref={text} onClick={onClick} onDblClick={onDblClick}>
      <Index each={words()}>
        {(word, place) => (
          <>
            {spaceOf(texts()[place])}
            <span class="word" data-doubt={doubt(word())} data-found={marks()[place]}>
              {texts()[place]?.trimStart()}
            </span>
          </>
        )}
      </Index>
    </p>
  );

  function placeOf(target: EventTarget | null): number {
    return target instanceof Element && target.matches(".word") ? [...(text?.children ?? [])].indexOf(target) : -1;
  }
}

/** The space before a word stands outside of it: it is neither heard nor uncertain. */
function spaceOf(text = ""): string {
  return text.slice(0, text.length - text.trimStart().length);
}

/** For each word whether the search has found it, and whether it is the match that one is at. */
function createMarks(props: RowProps, texts: () => readonly string[]) {
  const { finder } = useReading();
  return createMemo<("found" | "at" | undefined)[]>(() => {
    if (!finder.isOpen() || !finder.query().text) return [];
    const current = finder.matches()[finder.at()];
    const ranges = rangesIn(props.line.text, finder.query());
    let end = 0;
    return texts().map((text) => {
      const start = end;
      end += text.length;
      const hit = ranges.find(([from, to]) => from < end && to > start);
      if (!hit) return undefined;
      return current?.line === props.index && current.from === hit[0] ? "at" : "found";
    });
  });
}
