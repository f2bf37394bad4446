import { createSignal, For, type JSX, onCleanup, onMount, Show } from "solid-js";
import { type Entry, readHistory } from "../../api/transcripts";
import { Button } from "../../design/button";
import { Dialog } from "../../design/dialog";
import { Skeleton } from "../../design/states";
import { dateAndTime, locale, t } from "../../i18n/locale";
import { pluralIn } from "../../i18n/plural";
import { problemText } from "../../lib/problem";
import { compare } from "../../lib/transcript/diff";
import type { Problem } from "../../lib/types";
import { PiecesView } from "./pieces";
import { useReading } from "./reading";

const MOST_CHANGES = 3;
type Fields = { text?: string; speaker?: string } | null;

/** Who changed what and when, the newest first. */
export function HistoryDialog(props: { onClose: () => void }): JSX.Element {
  const { transcript } = useReading();
  const [entries, setEntries] = createSignal<Entry[] | null>(null);
  const [next, setNext] = createSignal<number | null>(null);
  const [problem, setProblem] = createSignal<Problem | null>(null);
  const abort = new AbortController();
  onCleanup(() => abort.abort());
  const read = async (): Promise<void> => {
    const place = { recording: transcript.recording, version: String(transcript.head()?.version ?? "current") };
    const answer = await readHistory(place, next(), abort.signal);
    if (abort.signal.aborted) return;
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    setEntries((known) => [...(known ?? []), ...answer.value.items]);
    setNext(answer.value.next);
  };
  onMount(() => void read());
  return (
    <Dialog open={true} onOpenChange={props.onClose} title={t().changes.title}>
      <Show when={problem()}>
        {(why) => <p class="field__hint--bad">{problemText(t(), why().code, why().detail)}</p>}
      </Show>
      <Show when={entries()} fallback={problem() ? null : <Skeleton lines={3} />}>
        {(known) => (
          <ol class="changes" data-testid="history-list">
            <For each={known()} fallback={<li class="hint">{t().changes.empty}</li>}>
              {(entry) => <EntryView entry={entry} />}
            </For>
          </ol>
        )}
      </Show>
      <Show when={next() !== null}>
        <Button onClick={() => void read()}>{t().changes.more}</Button>
      </Show>
    </Dialog>
  );
}

function EntryView(props: { entry: Entry }): JSX.Element {
  const kinds: Record<string, string> = t().changes.kinds;
  const changes = () => props.entry.changes;
  const more = () => changes().length - MOST_CHANGES;
  return (
    <li class="changes__entry">
      <p class="changes__kind">{kinds[props.entry.kind] ?? props.entry.kind}</p>
      <p class="hint">
        {dateAndTime(props.entry.at)} · {t().changes.who(props.entry.who)}
        <Show when={props.entry.undoes}>{(revision) => <> · {t().changes.undoes(String(revision()))}</>}</Show>
      </p>
      <For each={changes().slice(0, MOST_CHANGES)}>
        {({ before, after }) => <ChangeView before={before as Fields} after={after as Fields} />}
      </For>
      <Show when={more() > 0}>
        <p class="hint">{pluralIn(locale())(more(), t().changes.others)}</p>
      </Show>
    </li>
  );
}

function ChangeView(props: { before: Fields; after: Fields }): JSX.Element {
  const texts = () => compare(props.before?.text ?? "", props.after?.text ?? "");
  return (
    <div class="changes__change">
      <Show when={!props.before}>
        <p class="hint">{t().changes.added}</p>
      </Show>
      <Show when={!props.after}>
        <p class="hint">{t().changes.removed}</p>
      </Show>
      <Show when={props.before?.text}>
        <PiecesView pieces={texts().left} />
      </Show>
      <Show when={props.after?.text}>
        <PiecesView pieces={texts().right} />
      </Show>
      <Show when={props.after?.speaker !== undefined && props.before?.speaker !== props.after?.speaker}>
        <p>{t().changes.speakerIs(props.after?.speaker || t().speakers.nobody)}</p>
      </Show>
    </div>
  );
}
