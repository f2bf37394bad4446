import { For, type JSX, Show } from "solid-js";
import { t, timeOfDay } from "../../i18n/locale";
import { clock } from "../../lib/time";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";

export function History(): JSX.Element {
  const { session, recorder } = useApp();
  const entries = () => session.entries.all().filter(({ id }) => id !== recorder.current());
  return (
    <Show when={entries().length > 0}>
      <nav class="card history" aria-label={t().history.title}>
        <h2 class="card__title">{t().history.title}</h2>
        <ul class="history__list">
          <For each={entries()}>{(entry) => <HistoryItem entry={entry} />}</For>
        </ul>
      </nav>
    </Show>
  );
}

function HistoryItem(props: { entry: Entry }): JSX.Element {
  const { session } = useApp();
  const time = () => timeOfDay(props.entry.createdAt);
  const phase = () => (props.entry.sending.phase === "complete" ? props.entry.job.phase : props.entry.sending.phase);
  const details = () => {
    const duration = props.entry.durationS;
    const parts = [t().history.phases[phase()]];
    if (duration !== null) parts.unshift(clock(duration));
    if (props.entry.source === "file") parts.unshift(time());
    return parts.join(" · ");
  };
  return (
    <li>
      <button
        type="button"
        class="history__item"
        data-testid="history-item"
        data-phase={phase()}
        aria-current={session.entries.selected()?.id === props.entry.id ? "true" : undefined}
        onClick={() => session.entries.select(props.entry.id)}
      >
        <span class="history__name">
          {props.entry.source === "recording" ? t().history.recording(time()) : props.entry.name}
        </span>
        <span class="history__details">{details()}</span>
      </button>
    </li>
  );
}
