import { type JSX, Show } from "solid-js";
import { Icon } from "../../design/icon";
import { ProgressBar } from "../../design/progress-bar";
import { percent, t } from "../../i18n/locale";
import { progressOf } from "../../lib/job";
import { clock } from "../../lib/time";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";

export function JobProgress(props: { entry: Entry }): JSX.Element {
  const { session } = useApp();
  const job = () => props.entry.job;
  const ratio = () => progressOf(job());
  const label = () => {
    if (job().phase === "waiting") return t().job.waiting;
    if (job().phase === "uploading") return t().job.uploading;
    return job().doneS > 0 ? t().job.transcribing : t().job.processing;
  };
  const details = () => {
    const { phase, doneS, totalS } = job();
    if (phase === "waiting") return t().job.waitingDetail;
    return phase === "processing" && doneS > 0 && totalS ? t().job.times(clock(doneS), clock(totalS)) : "";
  };
  return (
    <div class="job" data-testid="progress" data-phase={job().phase}>
      <div class="job__head">
        <p class="job__label">
          <strong>{label()}</strong>
          <Show when={ratio()}>{(value) => <span>{percent(value())}</span>}</Show>
        </p>
        <button
          type="button"
          class="button button--quiet"
          data-testid="cancel"
          aria-keyshortcuts="Escape"
          onClick={() => session.cancel(props.entry.id)}
        >
          <Icon name="close" />
          {t().job.cancel}
        </button>
      </div>
      <ProgressBar value={ratio()} label={label()} />
      <Show when={details()}>
        <p class="hint">{details()}</p>
      </Show>
    </div>
  );
}
