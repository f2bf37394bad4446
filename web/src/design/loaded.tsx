import { type Accessor, type JSX, Match, Show, Switch } from "solid-js";
import { t } from "../i18n/locale";
import { problemText } from "../lib/problem";
import type { Load } from "../state/load";
import { Notice } from "./notice";
import { ErrorState, Skeleton } from "./states";

interface LoadedProps<T> {
  load: Load<T>;
  skeletonLines?: number;
  children: (value: Accessor<T>) => JSX.Element;
}

/** What a load has, and until then its state. What is here stays in sight when it cannot be had again. */
export function Loaded<T>(props: LoadedProps<T>): JSX.Element {
  const retry = (): void => void props.load.reload();
  return (
    <Switch fallback={<Skeleton lines={props.skeletonLines ?? 4} />}>
      <Match when={props.load.value() as NonNullable<T> | null}>
        {(value) => (
          <>
            <Show when={props.load.problem()}>
              {(problem) => <Notice tone="bad">{problemText(t(), problem().code, problem().detail)}</Notice>}
            </Show>
            {props.children(value as Accessor<T>)}
          </>
        )}
      </Match>
      <Match when={props.load.problem()}>{(problem) => <ErrorState problem={problem()} onRetry={retry} />}</Match>
    </Switch>
  );
}
