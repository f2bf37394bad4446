import { createEffect, createSignal, For, type JSX, Match, on, Show, Switch } from "solid-js";
import { changeJob } from "../../api/transcripts";
import { Button } from "../../design/button";
import { ProgressBar } from "../../design/progress-bar";
import { percent, t } from "../../i18n/locale";
import { problemText } from "../../lib/problem";
import { clock } from "../../lib/time";
import { isActive, type JobView, remainingS, share } from "../../lib/transcript/jobs";
import { tellRefusal } from "./refusals";

const LAST_CAPTIONS = 200;

/** The transcription that goes on, or that ended last without a transcript. */
export function Work(props: { job: JobView; now: number; onDismiss: () => void }): JSX.Element {
  return (
    <section class="card work" data-testid="work" data-state={props.job.state} aria-label={title(props.job)}>
      <Switch>
        <Match when={isActive(props.job)}>
          <Going job={props.job} now={props.now} />
        </Match>
        <Match when={true}>
          <Ended job={props.job} onDismiss={props.onDismiss} />
        </Match>
      </Switch>
    </section>
  );
}

function title({ state }: JobView): string {
  if (state === "failed") return t().work.failed;
  if (state === "cancelled") return t().work.cancelled;
  return state === "queued" ? t().work.queued : t().work.running;
}

function Going(props: { job: JobView; now: number }): JSX.Element {
  const [cancelling, setCancelling] = createSignal(false);
  const text = () => {
    const [done, left] = [share(props.job), remainingS(props.job, props.now)];
    const parts = [done === null ? "" : percent(done), left === null ? "" : t().work.remaining(clock(left))];
    return parts.filter(Boolean).join(" · ");
  };
  const cancel = async (): Promise<void> => {
    setCancelling(true);
    if (!tellRefusal(await changeJob(props.job.id, "cancel"), null)) setCancelling(false);
  };
  return (
    <>
      <div class="work__head">
        <p class="work__title">{title(props.job)}</p>
        <span class="hint" data-testid="work-progress">
          {text()}
        </span>
        <Button busy={cancelling()} onClick={() => void cancel()} data-testid="work-cancel">
          {t().work.cancel}
        </Button>
      </div>
      <ProgressBar
        value={props.job.state === "queued" ? null : share(props.job)}
        label={title(props.job)}
        text={text()}
      />
      <Show when={props.job.captions.length > 0}>
        <Captions job={props.job} />
      </Show>
    </>
  );
}

/** What has been heard so far; it keeps to its end while somebody reads there. */
function Captions(props: { job: JobView }): JSX.Element {
  let box: HTMLOListElement | undefined;
  createEffect(
    on(
      () => props.job.captions.length,
      () => {
        if (box && box.scrollHeight - box.scrollTop - box.clientHeight < 120) box.scrollTop = box.scrollHeight;
      },
    ),
  );
  return (
    <ol class="work__captions" ref={box} tabindex="0" aria-label={t().work.captions} data-testid="captions">
      <For each={props.job.captions.slice(-LAST_CAPTIONS)}>
        {({ start, text }) => (
          <li>
            <span class="work__time">{clock(start)}</span> {text}
          </li>
        )}
      </For>
    </ol>
  );
}

function Ended(props: { job: JobView; onDismiss: () => void }): JSX.Element {
  const retry = async (): Promise<void> => void tellRefusal(await changeJob(props.job.id, "retry"), null);
  return (
    <div class="work__head" role="alert">
      <div class="work__title">
        <p>{title(props.job)}</p>
        <Show when={props.job.problem}>
          {(problem) => <p class="hint">{problemText(t(), problem().code, problem().detail)}</p>}
        </Show>
      </div>
      <Button icon="retry" tone="primary" onClick={() => void retry()} data-testid="work-retry">
        {t().work.retry}
      </Button>
      <Button tone="quiet" onClick={props.onDismiss}>
        {t().work.dismiss}
      </Button>
    </div>
  );
}
