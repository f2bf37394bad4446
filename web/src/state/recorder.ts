import { type Accessor, batch, createSignal, onCleanup } from "solid-js";
import { type Capture, CaptureFailure, openCapture } from "../io/capture";
import { keepScreenOn } from "../io/wake-lock";
import { silentSince } from "../lib/level";
import { elapsed, IDLE, isCapturing, next, type RecorderEvent, type RecorderState } from "../lib/recorder-machine";

const TICK_MS = 100;
const SILENT_AFTER_MS = 3000;

export interface Recorder {
  state: Accessor<RecorderState>;
  capturing: Accessor<boolean>;
  elapsedMs: Accessor<number>;
  level: Accessor<number>;
  silent: Accessor<boolean>;
  interrupted: Accessor<boolean>;
  start(): void;
  stop(): void;
  togglePause(): void;
  /** Ends the recording, or the wait for the microphone, and keeps nothing. */
  discard(): void;
}

/** Runs the recorder's state machine against the microphone. */
export function createRecorder(onAudio: (audio: Blob, durationS: number) => void): Recorder {
  const [state, setState] = createSignal<RecorderState>(IDLE);
  const [interrupted, setInterrupted] = createSignal(false);
  const send = (event: RecorderEvent): RecorderState => setState((current) => next(current, event));
  const capturing = (): boolean => isCapturing(state());
  let capture: Capture | null = null;
  let letScreenSleep = (): void => undefined;
  const pulse = createPulse(state, () => capture);

  const end = async (keep: boolean): Promise<void> => {
    if (!capture || !capturing()) return;
    const durationS = elapsed(send({ type: "stop", now: performance.now() }), 0) / 1000;
    pulse.stop();
    const audio = await capture.stop();
    capture = null;
    letScreenSleep();
    batch(() => {
      send({ type: "finished" });
      if (keep) onAudio(audio, durationS);
    });
  };
  const onInterrupted = (): void => {
    if (!capturing()) return;
    setInterrupted(true);
    void end(true);
  };
  const start = async (): Promise<void> => {
    if (state().kind !== "idle") return;
    send({ type: "start" });
    setInterrupted(false);
    try {
      const opened = await openCapture(onInterrupted);
      // The user may have changed their mind while the browser was asking.
      if (state().kind !== "requesting") return void opened.stop();
      capture = opened;
      letScreenSleep = keepScreenOn();
      send({ type: "granted", now: performance.now() });
      pulse.start();
    } catch (error) {
      if (state().kind === "requesting") {
        send({ type: "failed", error: error instanceof CaptureFailure ? error.code : "failed" });
      }
    }
  };
  const togglePause = (): void => {
    const paused = state().kind === "recording";
    const now = performance.now();
    send(paused ? { type: "pause", now } : { type: "resume", now });
    capture?.setPaused(paused);
  };
  const discard = (): void => {
    if (state().kind === "requesting") send({ type: "finished" });
    void end(false);
  };
  onCleanup(discard);
  return {
    state,
    capturing,
    interrupted,
    ...pulse.signals,
    start: () => void start(),
    stop: () => void end(true),
    togglePause,
    discard,
  };
}

/** Looks at the clock and at the microphone ten times a second. */
function createPulse(state: Accessor<RecorderState>, capture: () => Capture | null) {
  const [elapsedMs, setElapsedMs] = createSignal(0);
  const [level, setLevel] = createSignal(0, { equals: false });
  const [silent, setSilent] = createSignal(false);
  let silence: number | null = null;
  let timer: ReturnType<typeof setInterval> | undefined;

  const tick = (): void => {
    const now = performance.now();
    const recording = state().kind === "recording";
    const heard = recording ? (capture()?.level() ?? 0) : 0;
    silence = recording ? silentSince(silence, heard, now) : null;
    batch(() => {
      setElapsedMs(elapsed(state(), now));
      setLevel(heard);
      setSilent(silence !== null && now - silence >= SILENT_AFTER_MS);
    });
  };
  const stop = (): void => {
    clearInterval(timer);
    silence = null;
    setSilent(false);
  };
  return {
    signals: { elapsedMs, level, silent },
    stop,
    start: () => {
      tick();
      timer = setInterval(tick, TICK_MS);
    },
  };
}
