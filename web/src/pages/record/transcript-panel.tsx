import { type JSX, Match, Show, Switch } from "solid-js";
import { Icon, type IconName } from "../../design/icon";
import { locale, t } from "../../i18n/locale";
import { isFinal } from "../../lib/job";
import { languageNamer } from "../../lib/languages";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";
import { Cancelled, Failure } from "./failure";
import { JobProgress } from "./job-progress";
import { PlayerBar } from "./player-bar";
import { Toolbar } from "./result-toolbar";
import { SegmentList } from "./segment-list";

export function TranscriptPanel(): JSX.Element {
  const { session } = useApp();
  return (
    <section id="transcript" class="card transcript" aria-labelledby="transcript-title" tabindex="-1">
      <h2 id="transcript-title" class="card__title">
        {t().transcript.title}
        <Show when={session.entries.selected()}>{(entry) => <DetectedLanguage entry={entry()} />}</Show>
      </h2>
      <Show
        when={session.entries.selected()?.id}
        keyed
        fallback={<Blank icon="text" title={t().transcript.empty} detail={t().transcript.emptyDetail} />}
      >
        {(_id) => <Show when={session.entries.selected()}>{(entry) => <EntryView entry={entry()} />}</Show>}
      </Show>
    </section>
  );
}

function EntryView(props: { entry: Entry }): JSX.Element {
  const job = () => props.entry.job;
  const heardNothing = () => job().phase === "done" && job().segments.length === 0;
  return (
    <>
      <Switch>
        <Match when={!isFinal(job())}>
          <JobProgress entry={props.entry} />
        </Match>
        <Match when={job().phase === "failed"}>
          <Failure entry={props.entry} />
        </Match>
        <Match when={job().phase === "cancelled"}>
          <Cancelled entry={props.entry} />
        </Match>
        <Match when={heardNothing()}>
          <div class="transcript__nothing" data-testid="empty-result">
            <Blank icon="quiet" title={t().transcript.noSpeech} detail={t().transcript.noSpeechDetail} />
          </div>
        </Match>
      </Switch>
      <Show when={job().result}>{(result) => <Toolbar entry={props.entry} result={result()} />}</Show>
      <Show when={job().segments.length > 0}>
        <SegmentList entry={props.entry} />
      </Show>
      <PlayerBar entry={props.entry} />
    </>
  );
}

function DetectedLanguage(props: { entry: Entry }): JSX.Element {
  return (
    <Show when={props.entry.job.segments.length > 0 && props.entry.job.result}>
      {(result) => (
        <span class="card__aside">
          {t().transcript.language(languageNamer(locale())(result().language, result().language_name))}
        </span>
      )}
    </Show>
  );
}

function Blank(props: { icon: IconName; title: string; detail: string }): JSX.Element {
  return (
    <div class="blank">
      <span class="blank__icon">
        <Icon name={props.icon} />
      </span>
      <p class="blank__title">{props.title}</p>
      <p class="hint">{props.detail}</p>
    </div>
  );
}
