import { For, type JSX, type ParentProps, Show } from "solid-js";
import { t } from "../i18n/locale";
import { problemText } from "../lib/problem";
import type { Problem } from "../lib/types";
import { Button } from "./button";
import { Icon, type IconName } from "./icon";

/** There is nothing here, and what can be done about it (`children`). */
export function EmptyState(props: ParentProps<{ icon: IconName; title: string; detail?: string }>): JSX.Element {
  return (
    <div class="state" data-testid="empty">
      <span class="state__icon">
        <Icon name={props.icon} />
      </span>
      <p class="state__title">{props.title}</p>
      <Show when={props.detail}>
        <p class="hint">{props.detail}</p>
      </Show>
      <div class="row row--center">{props.children}</div>
    </div>
  );
}

interface ErrorStateProps {
  problem: Problem;
  onRetry?: () => void;
}

/** What should be here could not be had. */
export function ErrorState(props: ParentProps<ErrorStateProps>): JSX.Element {
  const offline = () => props.problem.code === "network";
  return (
    <div class="state" role="alert" data-testid="error" data-code={props.problem.code}>
      <span class="state__icon state__icon--bad">
        <Icon name={offline() ? "offline" : "warning"} />
      </span>
      <p class="state__title">{offline() ? t().service.offline : t().states.failed}</p>
      <p class="hint">{problemText(t(), props.problem.code, props.problem.detail)}</p>
      <Show when={props.problem.request_id}>{(id) => <p class="hint">{t().job.requestId(id())}</p>}</Show>
      <div class="row row--center">
        <Show when={props.onRetry}>
          {(retry) => (
            <Button icon="retry" tone="primary" onClick={() => retry()()}>
              {t().states.retry}
            </Button>
          )}
        </Show>
        {props.children}
      </div>
    </div>
  );
}

/** The shape of what is on its way; said once to screen readers. */
export function Skeleton(props: { lines?: number }): JSX.Element {
  return (
    <div class="skeleton" role="status" data-testid="loading">
      <span class="visually-hidden">{t().states.loading}</span>
      <For each={Array.from({ length: props.lines ?? 3 })}>
        {() => <div class="skeleton__line" aria-hidden="true" />}
      </For>
    </div>
  );
}
