import { createUniqueId, For, type JSX, onCleanup, onMount, Show } from "solid-js";
import { Icon } from "../../design/icon";
import { count, t } from "../../i18n/locale";
import { clock } from "../../lib/time";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";
import { SPEEDS } from "../../state/player";

export function PlayerBar(props: { entry: Entry }): JSX.Element {
  const { player } = useApp();
  let audio: HTMLAudioElement | undefined;
  onMount(() => {
    if (audio) player.attach(audio);
  });
  onCleanup(player.detach);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for what is filled in, these only belong together.
    <div class="playback" role="group" aria-label={t().player.label} data-testid="player">
      {/* biome-ignore lint/a11y/useMediaCaption: the transcript beside it is the caption. */}
      <audio ref={audio} src={`/api/v1/recordings/${props.entry.recordingId}/playback`} preload="metadata" />
      <Show when={!player.failed()} fallback={<p class="hint">{t().player.failed}</p>}>
        <PlayButton />
        <SeekBar entry={props.entry} />
        <SpeedSelect />
      </Show>
    </div>
  );
}

function PlayButton(): JSX.Element {
  const { player } = useApp();
  return (
    <button
      type="button"
      class="button button--icon button--primary"
      data-testid="play"
      aria-label={player.playing() ? t().player.pause : t().player.play}
      onClick={player.toggle}
    >
      <Icon name={player.playing() ? "pause" : "play"} />
    </button>
  );
}

function SeekBar(props: { entry: Entry }): JSX.Element {
  const { player } = useApp();
  const total = () => player.mediaDuration() ?? props.entry.durationS ?? 0;
  const position = () => Math.min(player.time(), total());
  return (
    <>
      <span class="playback__time">{clock(position())}</span>
      <input
        class="playback__seek"
        type="range"
        min="0"
        max={total()}
        step="0.1"
        value={position()}
        aria-label={t().player.seek}
        aria-valuetext={t().player.position(clock(position()), clock(total()))}
        onInput={(event) => player.seek(event.currentTarget.valueAsNumber)}
      />
      <span class="playback__time">{clock(total())}</span>
    </>
  );
}

function SpeedSelect(): JSX.Element {
  const { player } = useApp();
  const id = createUniqueId();
  return (
    <>
      <label class="visually-hidden" for={id}>
        {t().player.speed}
      </label>
      <select
        id={id}
        class="select playback__speed"
        onChange={(event) => player.changeSpeed(Number(event.currentTarget.value))}
      >
        <For each={SPEEDS}>
          {(speed) => (
            <option value={speed} selected={speed === player.speed()}>
              {count(speed)}×
            </option>
          )}
        </For>
      </select>
    </>
  );
}
