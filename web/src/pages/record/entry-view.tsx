import { type JSX, Match, Show, Switch } from "solid-js";
import { t } from "../../i18n/locale";
import { isFinal } from "../../lib/job";
import type { Entry } from "../../state/entries";
import { Blank } from "./blank";
import { Cancelled, JobFailure, Refused } from "./failure";
import { JobProgress } from "./job-progress";
import { PlayerBar } from "./player-bar";
import { Toolbar } from "./result-toolbar";
import { SegmentList } from "./segment-list";
import { SendingProgress } from "./sending";

export default function EntryView(props: { entry: Entry }): JSX.Element {
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
