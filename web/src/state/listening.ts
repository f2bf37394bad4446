import { type Accessor, createSignal, onCleanup } from "solid-js";
import { addressOf } from "../api/transcripts";
import { load, save } from "../io/storage";

export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2] as const;
const KEY = "speed";

export interface Listening {
  element: HTMLAudioElement;
  /** Seconds, as exact as the screen is drawn while it plays. */
  time: Accessor<number>;
  playing: Accessor<boolean>;
  failed: Accessor<boolean>;
  /** What the browser knows of it; null before it has read the file, and for files without a length. */
  duration: Accessor<number | null>;
  speed: Accessor<number>;
  setSpeed: (speed: number) => void;
  toggle: () => void;
  /** Asks for the sound again where it could not be had. */
  retry: () => void;
  seek: (seconds: number) => void;
  /** Play from here on. */
  playFrom: (seconds: number) => void;
  skip: (seconds: number) => void;
}

/** The sound of a recording: the copy that browsers play, else the original. */
export function createListening(id: string): Listening {
  const element = new Audio();
  const [time, setTime] = createSignal(0);
  const [playing, setPlaying] = createSignal(false);
  const [failed, setFailed] = createSignal(false);
  const [duration, setDuration] = createSignal<number | null>(null);
  const [speed, setSpeedSignal] = createSignal<number>(SPEEDS.find((known) => String(known) === load(KEY)) ?? 1);
  let frame = 0;

  const look = (): void => {
    setTime(element.currentTime);
    cancelAnimationFrame(frame);
    if (!element.paused) frame = requestAnimationFrame(look);
  };
  const play = (): void => {
    // A refusal shows in the events of the element.
    element.play().catch(() => setPlaying(false));
  };
  const seek = (seconds: number): void => {
    element.currentTime = Math.max(0, Math.min(seconds, duration() ?? seconds));
    setTime(element.currentTime);
  };
  listenTo(element, { look, setPlaying, setFailed, setDuration });
  element.preload = "metadata";
  element.defaultPlaybackRate = element.playbackRate = speed();
  element.src = addressOf(id, "playback");
  onCleanup(() => {
    cancelAnimationFrame(frame);
    silence(element);
  });
  return {
    element,
    time,
    playing,
    failed,
    duration,
    speed,
    setSpeed: (chosen) => {
      element.defaultPlaybackRate = element.playbackRate = chosen;
      setSpeedSignal(chosen);
      save(KEY, String(chosen));
    },
    toggle: () => (element.paused ? play() : element.pause()),
    retry: () => {
      if (failed()) element.src = addressOf(id, "playback");
    },
    seek,
    playFrom: (seconds) => {
      seek(seconds);
      play();
    },
    skip: (seconds) => seek(element.currentTime + seconds),
  };

  function listenTo(audio: HTMLAudioElement, on: Told): void {
    audio.ontimeupdate = audio.onseeked = on.look;
    audio.onplay = () => {
      on.setPlaying(true);
      on.look();
    };
    audio.onpause = audio.onended = () => {
      on.setPlaying(false);
      on.look();
    };
    audio.ondurationchange = () => on.setDuration(Number.isFinite(audio.duration) ? audio.duration : null);
    audio.onloadedmetadata = () => on.setFailed(false);
    audio.onerror = () => {
      const original = addressOf(id, "audio");
      // The copy is made a little after the recording is complete; until then the browser may know the original.
      if (audio.src.endsWith(original)) on.setFailed(true);
      else audio.src = original;
    };
  }
}

interface Told {
  look: () => void;
  setPlaying: (playing: boolean) => void;
  setFailed: (failed: boolean) => void;
  setDuration: (seconds: number | null) => void;
}

function silence(audio: HTMLAudioElement): void {
  audio.pause();
  audio.onerror = null;
  audio.removeAttribute("src");
  audio.load();
}
