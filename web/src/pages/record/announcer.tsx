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
    const entry = session.entries.selected();
    if (entry && entry.sending.phase !== "complete") return t().sending.phases[entry.sending.phase];
    const current = entry?.job;
    switch (current?.phase) {
      case "queued":
        return t().job.queued;
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
