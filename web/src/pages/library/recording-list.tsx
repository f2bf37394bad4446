import { A } from "@solidjs/router";
import { For, type JSX, Show } from "solid-js";
import type { FoundRecording } from "../../api/recordings";
import { Badge, Tag } from "../../design/badge";
import { dateAndTime, t } from "../../i18n/locale";
import { recordingPath } from "../../lib/pages";
import { clock } from "../../lib/time";
import "./library.css";

export function RecordingList(props: { items: readonly FoundRecording[] }): JSX.Element {
  return (
    <ul class="recordings">
      <For each={props.items}>{(recording) => <RecordingRow recording={recording} />}</For>
    </ul>
  );
}

function RecordingRow(props: { recording: FoundRecording }): JSX.Element {
  const name = () => props.recording.title || props.recording.filename || t().library.untitled;
  return (
    <li class="card recording" data-testid="recording">
      <A class="recording__link" href={recordingPath(props.recording.id)}>
        {name()}
      </A>
      <p class="recording__about">
        <span>{dateAndTime(props.recording.created_at)}</span>
        <Show when={props.recording.duration_s}>{(seconds) => <span>{clock(seconds())}</span>}</Show>
        <Show when={props.recording.state === "receiving"}>
          <Badge tone="busy">{t().library.receiving}</Badge>
        </Show>
        <For each={props.recording.tags}>{(tag) => <Tag text={tag} />}</For>
      </p>
    </li>
  );
}
