import { type JSX, Show } from "solid-js";
import { ProgressBar } from "../../design/progress-bar";
import { percent, t } from "../../i18n/locale";
import { viewService } from "../../lib/service";
import { useApp } from "../../state/context";

export function StatusBanner(): JSX.Element {
  const { service } = useApp();
  const view = () => viewService(service(), t());
  return (
    <section class="banner" data-testid="status-banner" data-tone={view().tone}>
      <span class="banner__dot" aria-hidden="true" />
      <div class="banner__body">
        <p class="banner__text" role="status">
          <strong>{view().title}</strong>
          <Show when={view().reason}>
            <span class="banner__reason">{view().reason}</span>
          </Show>
        </p>
        <Show when={view().progress} keyed>
          {(ratio) => (
            <div class="banner__progress">
              <ProgressBar value={ratio} label={view().reason} />
              <span>{percent(ratio)}</span>
            </div>
          )}
        </Show>
        <Show when={view().advice}>
          <p class="banner__advice">{view().advice}</p>
        </Show>
      </div>
    </section>
  );
}
