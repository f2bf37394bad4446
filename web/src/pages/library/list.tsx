import { createEffect, For, type JSX, onCleanup, Show } from "solid-js";
import type { FoundRecording } from "../../api/library";
import { Button } from "../../design/button";
import type { MenuItem } from "../../design/menu";
import { Notice } from "../../design/notice";
import { ProgressBar } from "../../design/progress-bar";
import { t } from "../../i18n/locale";
import { problemText } from "../../lib/problem";
import type { Library } from "../../state/library";
import type { Selection } from "../../state/selection";
import { RecordingRow } from "./row";
import "./library.css";

interface ListProps {
  library: Library;
  selection: Selection;
  actions: (recording: FoundRecording) => readonly MenuItem[];
  about?: (recording: FoundRecording) => JSX.Element;
  /** The key Delete, on the one that has the focus or on all that are chosen. */
  onDelete: (ids: string[]) => void;
}

/** The rows, one after the other as long as one scrolls. */
export function RecordingList(props: ListProps): JSX.Element {
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLElement }): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (onRowKey(props, event)) event.preventDefault();
  };
  return (
    <>
      <Show when={props.library.problem()}>
        {(problem) => <Outdated code={problem().code} detail={problem().detail} />}
      </Show>
      <ul
        class="recordings"
        aria-label={t().library.list}
        aria-busy={props.library.loading() === "others"}
        data-choosing={props.selection.any() ? "" : undefined}
        data-testid="recordings"
        onKeyDown={onKeyDown}
      >
        <For each={props.library.items}>
          {(recording) => (
            <RecordingRow
              recording={recording}
              selection={props.selection}
              actions={props.actions(recording)}
              about={props.about?.(recording)}
            />
          )}
        </For>
      </ul>
      <Show when={props.library.next()}>
        <More library={props.library} />
      </Show>
    </>
  );
}

function Outdated(props: { code: string; detail: string }): JSX.Element {
  const offline = () => props.code === "network";
  return (
    <Notice tone="warning" icon={offline() ? "offline" : "warning"}>
      {offline() ? t().library.outdated : problemText(t(), props.code, props.detail)}
    </Notice>
  );
}

/** Comes into sight before the end is reached, and asks for the next page then; a button where that did not work. */
function More(props: { library: Library }): JSX.Element {
  let mark: HTMLDivElement | undefined;
  createEffect(() => {
    if (!mark || !("IntersectionObserver" in window) || props.library.loading() || props.library.problem()) return;
    const watcher = new IntersectionObserver(
      (entries) => entries.some(({ isIntersecting }) => isIntersecting) && void props.library.more(),
      { rootMargin: "600px" },
    );
    watcher.observe(mark);
    onCleanup(() => watcher.disconnect());
  });
  return (
    <div class="more" ref={mark}>
      <Show
        when={props.library.loading() === "more"}
        fallback={<Button onClick={() => void props.library.more()}>{t().states.more}</Button>}
      >
        <ProgressBar value={null} label={t().states.loading} />
      </Show>
    </div>
  );
}

/** Whether a key meant something to the row that has the focus. */
function onRowKey({ selection, onDelete }: ListProps, event: KeyboardEvent & { currentTarget: HTMLElement }): boolean {
  const link = event.target instanceof Element && event.target.closest<HTMLElement>(".recording__link");
  if (event.key === "Escape" && selection.any()) {
    selection.clear();
    return true;
  }
  if (!link) return false;
  const id = link.closest<HTMLElement>("[data-id]")?.dataset.id ?? "";
  const to = neighbour(event.currentTarget, link, event.key);
  if (to) {
    to.focus();
    if (event.shiftKey) extendTo(selection, id, to);
  } else if (event.key === " ") selection.toggle(id);
  else if (event.key === "Delete") onDelete(selection.any() ? selection.ids() : [id]);
  else return false;
  return true;
}

function extendTo(selection: Selection, from: string, to: HTMLElement): void {
  if (!selection.any()) selection.toggle(from);
  selection.extend(to.closest<HTMLElement>("[data-id]")?.dataset.id ?? from);
}

function neighbour(list: HTMLElement, link: HTMLElement, key: string): HTMLElement | undefined {
  const links = [...list.querySelectorAll<HTMLElement>(".recording__link")];
  const at = links.indexOf(link);
  const targets: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 };
  const next = targets[key];
  return next === undefined ? undefined : links[Math.min(links.length - 1, Math.max(0, next))];
}

/** Takes the focus into the list. */
export function focusFirst(): void {
  document.querySelector<HTMLElement>(".recording__link")?.focus();
}
