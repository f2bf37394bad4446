import { createSignal } from "solid-js";

export const SPEEDS = [0.75, 1, 1.25, 1.5, 2] as const;

export type Player = ReturnType<typeof createPlayer>;

/** The one audio element of the page, as signals. */
export function createPlayer() {
  const [time, setTime] = createSignal(0);
  const [playing, setPlaying] = createSignal(false);
  const [failed, setFailed] = createSignal(false);
  const [speed, setSpeed] = createSignal(1);
  const [mediaDuration, setMediaDuration] = createSignal<number | null>(null);
  let audio: HTMLAudioElement | null = null;

  const play = (): void => {
    // A refusal shows in the events of the element.
    audio?.play().catch(() => setPlaying(false));
  };
  const seek = (seconds: number): void => {
    if (!audio) return;
    audio.currentTime = seconds;
    setTime(seconds);
  };
  const listen = (element: HTMLAudioElement): void => {
    element.ontimeupdate = () => setTime(element.currentTime);
    element.onplay = () => setPlaying(true);
    element.onpause = element.onended = () => setPlaying(false);
    element.onerror = () => setFailed(true);
    // What MediaRecorder writes has no length of its own: the browser reports Infinity.
    element.ondurationchange = () => setMediaDuration(Number.isFinite(element.duration) ? element.duration : null);
    element.onloadedmetadata = () => {
      element.playbackRate = speed();
    };
    element.onemptied = () => {
      setTime(0);
      setPlaying(false);
      setFailed(false);
      setMediaDuration(null);
    };
  };
  return {
    time,
    playing,
    failed,
    speed,
    mediaDuration,
    attach: (element: HTMLAudioElement) => {
      audio = element;
      listen(element);
    },
    detach: () => {
      audio?.pause();
      audio = null;
      setTime(0);
      setPlaying(false);
    },
    toggle: () => (audio?.paused === false ? audio.pause() : play()),
    pause: () => audio?.pause(),
    seek,
    playFrom: (seconds: number) => {
      seek(seconds);
      play();
    },
    changeSpeed: (value: number) => {
      setSpeed(value);
      if (audio) audio.playbackRate = value;
    },
  };
}
