import type { JSX } from "solid-js";
import { t } from "../../i18n/locale";
import { useApp } from "../../state/context";

/** Says to screen readers what is otherwise only seen: the steps, not every percent. */
export function Announcer(): JSX.Element {
  const { recorder, session } = useApp();
  const recording = () => {
    switch (recorder.state().kind) {
      case "requesting":
        return t().record.requesting;
      case "recording":
        return t().record.recording;
      case "paused":
        return t().record.paused;
      default:
        return "";
    }
  };
  const job = () => {
    const current = session.entries.selected()?.job;
    switch (current?.phase) {
      case "waiting":
        return t().job.waiting;
      case "uploading":
        return t().job.uploading;
      case "processing":
        return t().job.transcribing;
      case "done":
        return current.segments.length > 0 ? t().job.done : t().transcript.noSpeech;
      default:
        return "";
    }
  };
  return (
    <p class="visually-hidden" role="status">
      {recording() || job()}
    </p>
  );
}
