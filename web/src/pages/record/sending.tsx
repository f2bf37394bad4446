import { createSignal, For, type JSX, Show } from "solid-js";
import { Button } from "../../design/button";
import { Confirm } from "../../design/confirm";
import { Notice } from "../../design/notice";
import { Card } from "../../design/page";
import { ProgressBar } from "../../design/progress-bar";
import { percent, sentences, size, t, timeOfDay } from "../../i18n/locale";
import { problemText } from "../../lib/problem";
import { shareOf } from "../../recording/view";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";

/** Everything that is on its way to the service, but for what is shown beside it. */
export function SendingList(): JSX.Element {
  const { session, recorder } = useApp();
  const shown = () =>
    session.entries
      .all()
      .filter(
        ({ id, sending }) => sending.phase !== "complete" && sending.phase !== "cancelled" && id !== recorder.current(),
      )
      .filter(({ id }) => id !== session.entries.selected()?.id);
  return (
    <Show when={shown().length > 0}>
      <Card title={t().sending.title} testid="sending-list">
        <ul class="sendings">
          <For each={shown()}>
            {(entry) => (
              <li>
                <p class="sendings__name">{nameOf(entry)}</p>
                <SendingProgress entry={entry} />
              </li>
            )}
          </For>
        </ul>
      </Card>
    </Show>
  );
}

/** Says what was found that an earlier visit has left behind. */
export function Recovered(): JSX.Element {
  const { session } = useApp();
  const found = () => session.entries.all().filter(({ recovered }) => recovered);
  const text = (): string => {
    const phases = found().map(({ sending }) => sending.phase);
    if (phases.includes("needs_file")) return t().sending.recoveredFile;
    return phases.every((phase) => phase === "complete") ? t().sending.recoveredSent : t().sending.recovered;
  };
  return (
    <Show when={found().length > 0}>
      <div data-testid="recovered">
        <Notice tone="info">{text()}</Notice>
      </div>
    </Show>
  );
}

export function nameOf({ source, name, createdAt }: Entry): string {
  return source === "recording" ? t().history.recording(timeOfDay(createdAt)) : name;
}

/** How far one of them is, why it waits, and what can be done about it. */
export function SendingProgress(props: { entry: Entry }): JSX.Element {
  const sending = () => props.entry.sending;
  const share = () => shareOf(sending());
  const label = () => t().sending.phases[sending().phase];
  return (
    <div class="job" data-testid="sending" data-phase={sending().phase} data-code={sending().problem?.code}>
      <p class="job__label">
        <strong>{label()}</strong>
        <Show when={share()}>{(value) => <span>{percent(value())}</span>}</Show>
        <span>{t().sending.amount(size(sending().sent), size(sending().stored))}</span>
      </p>
      <ProgressBar value={share()} label={`${label()}: ${nameOf(props.entry)}`} />
      <p class="hint">{reason(props.entry)}</p>
      <SendingActions entry={props.entry} />
    </div>
  );
}

function reason({ source, sending }: Entry): string {
  const { phase, problem } = sending;
  if (phase === "needs_file") return t().sending.chooseAgain;
  const why = problem ? problemText(t(), problem.code, problem.detail) : "";
  if (phase === "refused") return why;
  return sentences(why, source === "file" ? t().sending.stayHere : t().sending.kept);
}

function SendingActions(props: { entry: Entry }): JSX.Element {
  const { session } = useApp();
  const [asking, setAsking] = createSignal(false);
  const phase = () => props.entry.sending.phase;
  const remove = (): void => session.remove(props.entry.id);
  return (
    <Show
      when={!asking()}
      fallback={
        <Confirm
          question={t().job.removeQuestion}
          yes={t().job.removeConfirm}
          no={t().job.keep}
          onYes={remove}
          onNo={() => setAsking(false)}
        />
      }
    >
      <div class="row">
        <Show when={phase() === "waiting"}>
          <Button icon="retry" data-testid="send-now" onClick={() => session.resume(props.entry.id)}>
            {t().sending.now}
          </Button>
        </Show>
        <Show when={phase() === "held"}>
          <Button icon="play" data-testid="resume-sending" onClick={() => session.resume(props.entry.id)}>
            {t().sending.resume}
          </Button>
        </Show>
        <Show when={phase() === "sending"}>
          <Button icon="pause" data-testid="pause-sending" onClick={() => session.hold(props.entry.id)}>
            {t().sending.pause}
          </Button>
        </Show>
        <Button
          tone="quiet"
          icon="close"
          data-testid="cancel-sending"
          onClick={() => (props.entry.source === "recording" ? setAsking(true) : remove())}
        >
          {t().job.cancel}
        </Button>
      </div>
    </Show>
  );
}
