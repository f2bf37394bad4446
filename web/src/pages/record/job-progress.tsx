import { type JSX, Show } from "solid-js";
import { Icon } from "../../design/icon";
import { ProgressBar } from "../../design/progress-bar";
import { percent, t } from "../../i18n/locale";
import { progressOf } from "../../lib/job";
import { clock } from "../../lib/time";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";

/** How far the service is with what it has. */
export function JobProgress(props: { entry: Entry }): JSX.Element {
  const { session } = useApp();
  const job = () => props.entry.job;
  const ratio = () => progressOf(job());
  const label = () => {
    if (job().phase === "none" || job().phase === "queued") return t().job.queued;
    return job().doneS > 0 ? t().job.transcribing : t().job.processing;
  };
  const details = () => {
    const { doneS, totalS } = job();
    return doneS > 0 && totalS ? t().job.times(clock(doneS), clock(totalS)) : "";
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
          onClick={() => session.cancel(props.entry)}
        >
          <Icon name="close" />
          {t().job.cancel}
        </button>
      </div>
      <ProgressBar value={ratio()} label={label()} />
      <p class="hint">{details() || t().job.safe}</p>
    </div>
  );
}
