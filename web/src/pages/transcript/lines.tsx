import { createWindowVirtualizer, defaultRangeExtractor, type Range } from "@tanstack/solid-virtual";
import { createEffect, createSignal, For, type JSX, on, onCleanup, onMount, Show } from "solid-js";
import { t } from "../../i18n/locale";
import { calm } from "../../state/calm";
import { LineRow } from "./line";
import { useReading } from "./reading";
import "./lines.css";

/** What a line of one row is high, before it is measured. */
const GUESS_PX = 76;
/** Lines beyond the edges of the window: enough for a fast finger. */
const BEYOND = 8;

/** The transcript; however long it is, only the lines near the window are in the page. */
export function Lines(): JSX.Element {
  const reading = useReading();
  const [top, setTop] = createSignal(0);
  let list: HTMLOListElement | undefined;

  const rows = createWindowVirtualizer({
    get count() {
      return reading.transcript.slots().length;
    },
    get scrollMargin() {
      return top();
    },
    estimateSize: () => GUESS_PX,
    overscan: BEYOND,
    getItemKey: (index) => reading.transcript.slots()[index]?.id ?? index,
    rangeExtractor: (range) => withKept(range, reading.kept()),
    // The page's own smooth scrolling would fight with the corrections as lines are measured.
    scrollToFn: (offset, { adjustments = 0 }) =>
      window.scrollTo({ top: offset + adjustments, behavior: "instant" as ScrollBehavior }),
  });
  const measure = (): void => {
    if (list) setTop(list.getBoundingClientRect().top + window.scrollY);
  };
  whenPageChanges(measure);
  createEffect(() => {
    const items = rows.getVirtualItems();
    const shown = items.filter(({ index }) => index !== reading.kept());
    reading.transcript.setVisible(shown[0]?.index ?? 0, (shown[shown.length - 1]?.index ?? 0) + 1);
  });
  createEffect(on(reading.wanted, (wanted) => wanted && bring(wanted.index), { defer: true }));

  /** Brings a line to where it can be read, unless it stands there. */
  function bring(index: number): void {
    const element = () => list?.querySelector(`[data-index="${index}"]`);
    const there = element();
    if (there) centre(there, !calm());
    else {
      rows.scrollToIndex(index, { align: "center" });
      requestAnimationFrame(() => {
        const come = element();
        if (come) centre(come, false);
      });
    }
  }

  return (
    <ol
      class="lines"
      ref={list}
      aria-label={t().transcript.segments}
      data-testid="lines"
      data-count={rows.options.count}
      data-doubt={reading.doubt() ? "" : undefined}
      style={{ height: `${rows.getTotalSize()}px` }}
    >
      <For each={rows.getVirtualItems()}>
        {(item) => (
          <li
            class="lines__place"
            data-index={item.index}
            aria-setsize={rows.options.count}
            aria-posinset={item.index + 1}
            style={{ transform: `translateY(${item.start - top()}px)` }}
            ref={(element) => queueMicrotask(() => element.isConnected && rows.measureElement(element))}
          >
            <Place index={item.index} />
          </li>
        )}
      </For>
    </ol>
  );
}

/** Measures once the page is laid out, and again whenever what stands in it has another size. */
function whenPageChanges(measure: () => void): void {
  onMount(() => {
    // Firefox and Safari have it since 2019 and 2020; without it the list is measured once, and the page laid out for it.
    if (typeof ResizeObserver === "undefined") return measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    onCleanup(() => observer.disconnect());
  });
}

function Place(props: { index: number }): JSX.Element {
  const { transcript } = useReading();
  return (
    <Show
      when={transcript.slots()[props.index]}
      fallback={
        <p class="lines__waiting">
          <span class="visually-hidden">{t().states.loading}</span>
        </p>
      }
    >
      {(line) => <LineRow line={line()} index={props.index} />}
    </Show>
  );
}

/** Between the tools above and the player below; a line that stands there already stays. */
function centre(line: Element, smoothly: boolean): void {
  const top = document.querySelector(".edit-tools")?.getBoundingClientRect().bottom ?? 0;
  const bottom = document.querySelector(".player")?.getBoundingClientRect().top ?? window.innerHeight;
  const { top: from, bottom: to } = line.getBoundingClientRect();
  if (from >= top && to <= bottom) return;
  const behavior = (smoothly ? "smooth" : "instant") as ScrollBehavior;
  window.scrollBy({ top: (from + to - Math.max(0, top) - bottom) / 2, behavior });
}

/** The line with the focus stays in the page when it is scrolled away: else the focus, or a draft, would be lost. */
function withKept(range: Range, kept: number): number[] {
  const indexes = defaultRangeExtractor(range);
  if (kept < 0 || kept >= range.count || indexes.includes(kept)) return indexes;
  return [...indexes, kept].sort((a, b) => a - b);
}
