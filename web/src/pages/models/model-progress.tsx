import { type JSX, Show } from "solid-js";
import type { Operation } from "../../api/models";
import { ProgressBar } from "../../design/progress-bar";
import { percent, size, t } from "../../i18n/locale";
import { phaseName, ratioOf, sourceName } from "../../lib/models";
import { clock } from "../../lib/time";

/** What runs on a model: the phase, how far it is, how fast, and how long it still takes. */
export function ModelProgress(props: { operation: Operation; name: string }): JSX.Element {
  const progress = () => props.operation.progress;
  const ratio = () => ratioOf(progress());
  const phase = () => (props.operation.cancelling ? t().models.cancelling : phaseName(t(), progress().phase));
  const details = () => {
    const { done_bytes, total_bytes, rate_bytes_s, eta_s, source } = progress();
    const { amount, rate, remaining, from } = t().models;
    return [
      ratio() !== null && amount(size(done_bytes), size(total_bytes)),
      rate_bytes_s !== null && rate(size(rate_bytes_s)),
      eta_s !== null && remaining(clock(Math.ceil(eta_s))),
      source && from(sourceName(t(), source)),
    ].filter(Boolean);
  };
  return (
    <div class="job" data-testid="model-progress" data-phase={progress().phase}>
      <p class="job__label">
        <strong>{phase()}</strong>
        <Show when={ratio() !== null}>
          <span data-testid="model-percent">{percent(ratio() ?? 0)}</span>
        </Show>
      </p>
      <ProgressBar
        value={ratio()}
        label={t().models.progressOf(phase(), props.name)}
        text={[percent(ratio() ?? 0), ...details()].join(" · ")}
      />
      <p class="hint job__details">{details().join(" · ")}</p>
      <Show when={props.operation.started_by === "service"}>
        <p class="hint">{t().models.byItself}</p>
      </Show>
    </div>
  );
}
