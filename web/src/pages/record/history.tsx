import { For, type JSX, Show } from "solid-js";
import { t, timeOfDay } from "../../i18n/locale";
import { clock } from "../../lib/time";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";

export function History(): JSX.Element {
  const { session } = useApp();
  return (
    <Show when={session.entries.all().length > 0}>
      <nav class="card history" aria-label={t().history.title}>
        <h2 class="card__title">{t().history.title}</h2>
        <ul class="history__list">
          <For each={session.entries.all()}>{(entry) => <HistoryItem entry={entry} />}</For>
        </ul>
      </nav>
    </Show>
  );
}

function HistoryItem(props: { entry: Entry }): JSX.Element {
  const { session } = useApp();
  const time = () => timeOfDay(props.entry.createdAt);
  const seconds = () => props.entry.job.result?.duration ?? props.entry.durationS;
  const details = () => {
    const duration = seconds();
    const parts = [t().history.phases[props.entry.job.phase]];
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
        data-phase={props.entry.job.phase}
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
