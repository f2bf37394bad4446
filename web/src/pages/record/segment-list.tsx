import { createEffect, createMemo, createSignal, Index, type JSX, on } from "solid-js";
import { t } from "../../i18n/locale";
import { moveFocus, segmentAt } from "../../lib/segments";
import { clock } from "../../lib/time";
import { MIXED, type Options, type Segment } from "../../lib/types";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";

const STILL = window.matchMedia("(prefers-reduced-motion: reduce)");
const NEAR_END_PX = 48;

export function SegmentList(props: { entry: Entry }): JSX.Element {
  const { player } = useApp();
  const [focused, setFocused] = createSignal(0);
  const segments = () => props.entry.job.segments;
  const active = createMemo(() => (player.time() > 0 ? segmentAt(segments(), player.time()) : -1));
  let list: HTMLOListElement | undefined;
  let following = true;

  const button = (index: number) => list?.children[index]?.querySelector("button");
  const onKeyDown = (event: KeyboardEvent): void => {
    const target = moveFocus(event.key, focused(), segments().length);
    if (target === null) return;
    event.preventDefault();
    setFocused(target);
    button(target)?.focus();
  };
  const onScroll = (): void => {
    if (list) following = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END_PX;
  };

  createEffect(() => {
    if (active() >= 0 && player.playing()) reveal(list?.children[active()]);
  });
  // New lines are followed for as long as the reader has not scrolled back.
  createEffect(
    on(
      () => segments().length,
      () => {
        if (list && following && props.entry.job.phase === "processing") list.scrollTop = list.scrollHeight;
      },
    ),
  );
  return (
    <ol
      class="segments"
      ref={list}
      aria-label={t().transcript.segments}
      lang={textLanguage(props.entry.job.language?.code, props.entry.options)}
      onKeyDown={onKeyDown}
      onScroll={onScroll}
    >
      <Index each={segments()}>
        {(segment, index) => (
          <SegmentRow
            segment={segment()}
            active={active() === index}
            tabbable={focused() === index}
            onFocus={() => setFocused(index)}
          />
        )}
      </Index>
    </ol>
  );
}

interface RowProps {
  segment: Segment;
  active: boolean;
  tabbable: boolean;
  onFocus: () => void;
}

/** One stop of the Tab key for the whole list: the arrow keys move inside it. */
function SegmentRow(props: RowProps): JSX.Element {
  const { player } = useApp();
  const time = () => clock(props.segment.start);
  return (
    <li class="segment" data-testid="segment" aria-current={props.active ? "true" : undefined}>
      <button
        type="button"
        class="segment__time"
        data-testid="segment-time"
        tabindex={props.tabbable ? 0 : -1}
        aria-label={t().transcript.playFrom(time())}
        onFocus={() => props.onFocus()}
        onClick={() => player.playFrom(props.segment.start)}
      >
        {time()}
      </button>
      <p class="segment__text">{props.segment.text.trim()}</p>
    </li>
  );
}

function reveal(row: Element | undefined): void {
  row?.scrollIntoView({ block: "nearest", behavior: STILL.matches ? "auto" : "smooth" });
}

/** Lets browsers choose glyphs, and screen readers a voice. */
function textLanguage(detected: string | undefined, { language, task }: Options): string | undefined {
  if (task === "translate") return "en";
  if (language === MIXED) return undefined;
  const code = detected ?? language;
  return code === "zh" ? "zh-Hant" : code || undefined;
}
