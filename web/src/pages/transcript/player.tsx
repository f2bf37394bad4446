import { createMemo, For, type JSX, lazy, Show, Suspense } from "solid-js";
import { Button, IconButton } from "../../design/button";
import { Notice } from "../../design/notice";
import { count, t } from "../../i18n/locale";
import { idle } from "../../io/idle";
import { clock } from "../../lib/time";
import { SPEEDS } from "../../state/listening";
import { useReading } from "./reading";
import "./player.css";

export const SKIP_S = 10;
/** Large, and not what one comes for: once there is nothing else to do. */
const Waveform = lazy(() => idle().then(() => import("./waveform")));

/** At the bottom of the window, always in reach. */
export function Player(props: { recording: string; durationS: number }): JSX.Element {
  const { listening } = useReading();
  const duration = () => listening.duration() ?? props.durationS;
  return (
    <section class="player" aria-label={t().listen.label} data-testid="player">
      <Show when={listening.failed()}>
        <Notice tone="bad">{t().player.failed}</Notice>
      </Show>
      <div class="player__seek">
        <Suspense>
          <Waveform recording={props.recording} />
        </Suspense>
        <Position duration={duration()} />
      </div>
      <div class="player__controls">
        <IconButton
          icon="skipBack"
          label={t().listen.back(count(SKIP_S))}
          onClick={() => listening.skip(-SKIP_S)}
          data-testid="skip-back"
        />
        <IconButton
          icon={listening.playing() ? "pause" : "play"}
          label={listening.playing() ? t().player.pause : t().player.play}
          tone="primary"
          onClick={listening.toggle}
          data-testid="play"
        />
        <IconButton
          icon="skipForward"
          label={t().listen.forward(count(SKIP_S))}
          onClick={() => listening.skip(SKIP_S)}
          data-testid="skip-forward"
        />
        <Clock duration={duration()} />
        <Speed />
        <Follow />
      </div>
    </section>
  );
}

/** For the keyboard and screen readers, and wherever there is no waveform. Where there is one, it lies upon it. */
function Position(props: { duration: number }): JSX.Element {
  const { listening } = useReading();
  const seconds = createMemo(() => Math.round(listening.time()));
  return (
    <input
      class="player__position"
      type="range"
      min="0"
      max={Math.max(1, Math.round(props.duration))}
      value={seconds()}
      aria-label={t().player.seek}
      aria-valuetext={t().player.position(clock(seconds()), clock(props.duration))}
      data-testid="position"
      onInput={(event) => listening.seek(event.currentTarget.valueAsNumber)}
    />
  );
}

function Clock(props: { duration: number }): JSX.Element {
  const { listening } = useReading();
  const now = createMemo(() => clock(listening.time()));
  return (
    <span class="player__clock" data-testid="clock">
      <b>{now()}</b>
      <span class="player__total"> / {clock(props.duration)}</span>
    </span>
  );
}

function Speed(): JSX.Element {
  const { listening } = useReading();
  return (
    <select
      class="select player__speed"
      aria-label={t().player.speed}
      data-testid="speed"
      onChange={(event) => listening.setSpeed(Number(event.currentTarget.value))}
    >
      <For each={SPEEDS}>
        {(speed) => (
          <option value={speed} selected={speed === listening.speed()}>
            {count(speed)}×
          </option>
        )}
      </For>
    </select>
  );
}

function Follow(): JSX.Element {
  const reading = useReading();
  const follow = (): void => {
    reading.setFollow(!reading.follow());
    if (reading.follow() && reading.sounding() >= 0) reading.bring(reading.sounding());
  };
  return (
    <Button
      tone="quiet"
      title={t().listen.followHint}
      aria-pressed={reading.follow()}
      onClick={follow}
      data-testid="follow"
    >
      {t().listen.follow}
    </Button>
  );
}
