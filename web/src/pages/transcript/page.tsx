import { useParams } from "@solidjs/router";
import { For, type JSX, Show } from "solid-js";
import { getRecording, getTranscript, type Transcript } from "../../api/recordings";
import { Loaded } from "../../design/loaded";
import { Page } from "../../design/page";
import { EmptyState } from "../../design/states";
import { dateAndTime, t } from "../../i18n/locale";
import { PATHS } from "../../lib/pages";
import { clock } from "../../lib/time";
import { createLoad } from "../../state/load";
import "./transcript.css";

export default function TranscriptPage(): JSX.Element {
  const params = useParams<{ id: string }>();
  const recording = createLoad(() => params.id, getRecording);
  const title = () => recording.value()?.title || recording.value()?.filename || t().recording.title;
  const about = () => {
    const known = recording.value();
    return known ? { intro: dateAndTime(known.created_at) } : {};
  };
  return (
    <Page title={title()} {...about()} testid="transcript-page" back={{ href: PATHS.library, label: t().library.back }}>
      <Loaded load={recording}>{(known) => <TranscriptOf id={known().id} />}</Loaded>
    </Page>
  );
}

function TranscriptOf(props: { id: string }): JSX.Element {
  const load = createLoad(
    () => props.id,
    async (id, signal) => {
      const answer = await getTranscript(id, signal);
      return answer.ok ? { ok: true as const, value: { transcript: answer.value } } : answer;
    },
  );
  return (
    <Loaded load={load}>
      {(loaded) => (
        <Show
          when={loaded().transcript}
          fallback={
            <EmptyState icon="text" title={t().recording.noTranscript} detail={t().recording.noTranscriptDetail} />
          }
        >
          {(transcript) => <Segments transcript={transcript()} />}
        </Show>
      )}
    </Loaded>
  );
}

function Segments(props: { transcript: Transcript }): JSX.Element {
  return (
    <ol class="card lines" aria-label={t().transcript.segments}>
      <For each={props.transcript.segments}>
        {(segment) => (
          <li class="lines__line">
            <span class="lines__time">{clock(segment.start)}</span>
            <p>{segment.text.trim()}</p>
          </li>
        )}
      </For>
    </ol>
  );
}
