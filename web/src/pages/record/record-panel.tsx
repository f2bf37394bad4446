import { type JSX, Match, Show, Switch } from "solid-js";
import { Confirm } from "../../design/confirm";
import { Select } from "../../design/field";
import { Icon } from "../../design/icon";
import { Notice } from "../../design/notice";
import { count, t } from "../../i18n/locale";
import { clock } from "../../lib/time";
import { isSafe } from "../../recording/view";
import { useApp } from "../../state/context";
import { Meter } from "./meter";

/** How long before the service's limit the user is told about it. */
const WARN_S = 120;

export function RecordPanel(props: { onStart: () => void }): JSX.Element {
  const { recorder } = useApp();
  return (
    <div class="recorder" data-state={recorder.state().kind}>
      <RecordButton onStart={props.onStart} />
      <Show
        when={recorder.capturing()}
        fallback={
          <>
            <Hint />
            <MicrophoneSelect />
          </>
        }
      >
        <Live />
      </Show>
      <CaptureNotices />
    </div>
  );
}

/** One element for both: the focus stays on it when it turns from start into stop. */
function RecordButton(props: { onStart: () => void }): JSX.Element {
  const { recorder } = useApp();
  const label = () => {
    const { kind } = recorder.state();
    if (kind === "requesting") return t().record.requesting;
    if (kind === "stopping") return t().record.stopping;
    return recorder.capturing() ? t().record.stop : t().record.start;
  };
  const busy = () => recorder.state().kind === "requesting" || recorder.state().kind === "stopping";
  return (
    <button
      type="button"
      class="record"
      classList={{ "record--live": recorder.capturing() }}
      data-testid={recorder.capturing() ? "stop" : "record"}
      aria-disabled={busy()}
      aria-keyshortcuts="R"
      onClick={() => (recorder.capturing() ? recorder.stop() : props.onStart())}
    >
      <span class="record__disc">
        <Icon name={recorder.capturing() ? "stop" : "mic"} />
      </span>
      <span class="record__label">{label()}</span>
    </button>
  );
}

function Hint(): JSX.Element {
  const { recorder } = useApp();
  return <p class="hint">{recorder.state().kind === "requesting" ? t().record.requestingHint : t().record.hint}</p>;
}

function Live(): JSX.Element {
  const app = useApp();
  const paused = () => app.recorder.state().kind === "paused";
  return (
    <div class="live">
      <p class="live__time">
        <span class="live__state">{paused() ? t().record.paused : t().record.recording}</span>
        <span class="live__clock" data-testid="timer" role="timer" aria-label={t().record.elapsed}>
          {clock(app.recorder.elapsedMs() / 1000)}
        </span>
      </p>
      <Meter level={app.recorder.level()} />
      <Safety />
      <Show when={!app.askingDiscard()} fallback={<DiscardQuestion />}>
        <div class="row row--center">
          <button type="button" class="button" data-testid="pause" onClick={app.recorder.togglePause}>
            <Icon name={paused() ? "play" : "pause"} />
            {paused() ? t().record.resume : t().record.pause}
          </button>
          <button
            type="button"
            class="button button--quiet"
            data-testid="discard"
            onClick={() => app.setAskingDiscard(true)}
          >
            <Icon name="trash" />
            {t().record.discard}
          </button>
        </div>
      </Show>
    </div>
  );
}

/** Whether what has been said so far would survive whatever happens to this page. */
function Safety(): JSX.Element {
  const { recorder, session } = useApp();
  const sending = () => session.entries.find(recorder.current())?.sending;
  const state = () => {
    const now = sending();
    if (!now || now.phase === "going_on") return now && isSafe(now) ? "sent" : "sending";
    return session.unsafe() ? "unsafe" : "waiting";
  };
  return (
    <p class="hint safety" data-testid="safety" data-state={state()} role="status">
      <Icon name={state() === "sent" ? "check" : state() === "sending" ? "lock" : "offline"} />
      {t().record.safety[state()]}
    </p>
  );
}

function MicrophoneSelect(): JSX.Element {
  const { recorder } = useApp();
  const known = () => recorder.microphones();
  const chosen = () => (known().some(({ id }) => id === recorder.microphone()) ? recorder.microphone() : "");
  return (
    <Show when={known().length > 1}>
      <Select
        label={t().record.microphone}
        value={chosen()}
        options={[
          { value: "", label: t().record.automatic },
          ...known()
            .filter(({ id }) => id !== "default")
            .map(({ id, name }) => ({ value: id, label: name })),
        ]}
        onChange={recorder.chooseMicrophone}
        data-testid="microphone"
      />
    </Show>
  );
}

function DiscardQuestion(): JSX.Element {
  const { recorder, setAskingDiscard } = useApp();
  return (
    <Confirm
      question={t().record.discardQuestion}
      yes={t().record.discardConfirm}
      no={t().record.keep}
      onYes={() => {
        setAskingDiscard(false);
        recorder.discard();
      }}
      onNo={() => setAskingDiscard(false)}
    />
  );
}

function CaptureNotices(): JSX.Element {
  const { recorder, service } = useApp();
  const error = () => {
    const state = recorder.state();
    return state.kind === "idle" ? state.error : null;
  };
  const limitS = () => {
    const known = service();
    return known.kind === "known" ? known.status.limits.max_duration_s : Number.POSITIVE_INFINITY;
  };
  const nearLimit = () => recorder.capturing() && recorder.elapsedMs() / 1000 > limitS() - WARN_S;
  return (
    <Switch>
      <Match when={error()} keyed>
        {(code) => (
          <div data-testid="error" data-code={code}>
            <Notice tone="bad">{t().capture[code]}</Notice>
          </div>
        )}
      </Match>
      <Match when={recorder.silent()}>
        <Notice tone="warning" icon="quiet">
          {t().record.silent}
        </Notice>
      </Match>
      <Match when={nearLimit()}>
        <Notice tone="warning">{t().record.nearLimit(count(limitS() / 60))}</Notice>
      </Match>
      <Match when={recorder.interrupted()}>
        <Notice tone="warning">{t().record.interrupted}</Notice>
      </Match>
    </Switch>
  );
}
