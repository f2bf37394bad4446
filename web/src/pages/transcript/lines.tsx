import { createWindowVirtualizer, defaultRangeExtractor, type Range } from "@tanstack/solid-virtual";
import { createEffect, createSignal, For, type JSX, on, onCleanup, onMount, Show } from "solid-js";
import { count, t } from "../../i18n/locale";
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
  onMount(() => {
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    onCleanup(() => observer.disconnect());
  });
  createEffect(() => {
    const items = rows.getVirtualItems();
    const shown = items.filter(({ index }) => index !== reading.kept());
    reading.transcript.setVisible(shown[0]?.index ?? 0, (shown[shown.length - 1]?.index ?? 0) + 1);
  });
  createEffect(on(reading.wanted, (wanted) => wanted && bring(wanted.index), { defer: true }));

  /** Brings a line to where it can be read, unless it stands there. */
  function bring(index: number): void {
    const element = list?.querySelector(`[data-index="${index}"]`)?.getBoundingClientRect();
    const room = window.innerHeight;
    if (element && element.top > room * 0.12 && element.bottom < room * 0.62) return;
    if (element && !calm()) window.scrollBy({ top: element.top - room * 0.3, behavior: "smooth" });
    else rows.scrollToIndex(index, { align: "center" });
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
            <Show
              when={reading.transcript.slots()[item.index]}
              fallback={<p class="lines__waiting" aria-label={t().states.loading} title={count(item.index + 1)} />}
            >
              {(line) => <LineRow line={line()} index={item.index} />}
            </Show>
          </li>
        )}
      </For>
    </ol>
  );
}

/** The line with the focus stays in the page when it is scrolled away: else the focus, or a draft, would be lost. */
function withKept(range: Range, kept: number): number[] {
  const indexes = defaultRangeExtractor(range);
  if (kept < 0 || kept >= range.count || indexes.includes(kept)) return indexes;
  return [...indexes, kept].sort((a, b) => a - b);
}
