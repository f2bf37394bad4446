import { type JSX, Match, Show, Switch } from "solid-js";
import { Icon, type IconName } from "../../design/icon";
import { locale, t } from "../../i18n/locale";
import { isFinal } from "../../lib/job";
import { languageNamer } from "../../lib/languages";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";
import { Cancelled, JobFailure, Refused } from "./failure";
import { JobProgress } from "./job-progress";
import { PlayerBar } from "./player-bar";
import { Toolbar } from "./result-toolbar";
import { SegmentList } from "./segment-list";
import { SendingProgress } from "./sending";

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
  const sent = () => props.entry.sending.phase === "complete";
  const heardNothing = () => job().phase === "done" && job().segments.length === 0;
  return (
    <>
      <Switch>
        <Match when={props.entry.sending.phase === "refused"}>
          <Refused entry={props.entry} />
        </Match>
        <Match when={!sent()}>
          <SendingProgress entry={props.entry} />
        </Match>
        <Match when={!isFinal(job())}>
          <JobProgress entry={props.entry} />
        </Match>
        <Match when={job().phase === "failed"}>
          <JobFailure entry={props.entry} />
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
      <Show when={job().phase === "done" && props.entry.recordingId}>
        {(id) => <Toolbar entry={props.entry} recordingId={id()} />}
      </Show>
      <Show when={job().segments.length > 0}>
        <SegmentList entry={props.entry} />
      </Show>
      <Show when={props.entry.sound === "playable"}>
        <PlayerBar entry={props.entry} />
      </Show>
    </>
  );
}

function DetectedLanguage(props: { entry: Entry }): JSX.Element {
  return (
    <Show when={props.entry.job.segments.length > 0 && props.entry.job.language}>
      {(language) => (
        <span class="card__aside">
          {t().transcript.language(languageNamer(locale())(language().code, language().name))}
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
