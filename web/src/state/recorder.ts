import { type Accessor, batch, createSignal, onCleanup, onMount } from "solid-js";
import { load, save } from "../io/storage";
import type { Capture, Sink } from "../recording/capture";
import { silentSince } from "../recording/level";
import type { Writer } from "../recording/outbox";
import {
  type CaptureErrorCode,
  CaptureFailure,
  elapsed,
  IDLE,
  isCapturing,
  next,
  type RecorderEvent,
  type RecorderState,
} from "../recording/recorder-machine";
import { keepScreenOn } from "../recording/wake-lock";
import { engine } from "./engine";

const TICK_MS = 100;
const SILENT_AFTER_MS = 3000;
/** The encoder hands over something each second; after this without, nothing is being recorded. */
const DRY_AFTER_MS = 6000;
const DEVICE = "microphone";

export interface Microphone {
  id: string;
  name: string;
}

export interface Recorder {
  state: Accessor<RecorderState>;
  capturing: Accessor<boolean>;
  elapsedMs: Accessor<number>;
  level: Accessor<number>;
  silent: Accessor<boolean>;
  interrupted: Accessor<boolean>;
  /** What is being recorded, as the outbox calls it; null before its first bytes. */
  current: Accessor<string | null>;
  /** Those that may be chosen; browsers name them once one was allowed. */
  microphones: Accessor<readonly Microphone[]>;
  microphone: Accessor<string>;
  chooseMicrophone(id: string): void;
  start(): void;
  stop(): void;
  togglePause(): void;
  /** Ends the recording, or the wait for the microphone, and keeps nothing. */
  discard(): void;
}

/** Where recordings go. */
export interface Keeper {
  record(mediaType: string): Promise<Writer>;
  onEnd(id: string): void;
  remove(id: string): void;
}

/** Runs the recorder's state machine against the microphone. */
export function createRecorder(keeper: Keeper): Recorder {
  const { state, send, capturing } = createMachine();
  const [interrupted, setInterrupted] = createSignal(false);
  const [current, setCurrent] = createSignal<string | null>(null);
  const devices = createDevices();
  let capture: Capture | null = null;
  let track = createTrack(keeper, setCurrent);
  let letScreenSleep = (): void => undefined;
  const pulse = createPulse(state, () => heard(capture, track.lastAt()));

  const end = async (keep: boolean): Promise<void> => {
    if (!capture || !capturing()) return;
    const durationS = elapsed(send({ type: "stop", now: performance.now() }), 0) / 1000;
    pulse.stop();
    await capture.stop();
    capture = null;
    letScreenSleep();
    const id = await track.end(durationS);
    batch(() => {
      setCurrent(null);
      send(keep && !id ? { type: "failed", error: "empty" } : { type: "finished" });
      if (id) (keep ? keeper.onEnd : keeper.remove)(id);
    });
  };
  const onInterrupted = (): void => void end(true).then(() => setInterrupted(true));
  const start = async (): Promise<void> => {
    if (state().kind !== "idle") return;
    const asking = send({ type: "start" });
    setInterrupted(false);
    const mine = createTrack(keeper, setCurrent);
    track = mine;
    try {
      const { openCapture } = await engine();
      const opened = await openCapture(devices.microphone(), { ...mine.sink, onInterrupted });
      void devices.refresh();
      // The user may have changed their mind while the browser was asking, and even have begun anew.
      if (state() !== asking) return void opened.stop().then(mine.drop);
      capture = opened;
      letScreenSleep = keepScreenOn();
      send({ type: "granted", now: performance.now() });
      pulse.start();
    } catch (error) {
      if (state() === asking) send({ type: "failed", error: codeOf(error) });
    }
  };
  const togglePause = (): void => {
    const paused = state().kind === "recording";
    send({ type: paused ? "pause" : "resume", now: performance.now() });
    if (paused) capture?.flush();
    capture?.setPaused(paused);
    track.touch();
  };
  const discard = (): void => {
    if (state().kind === "requesting") send({ type: "finished" });
    void end(false);
  };
  whenHidden(() => capture?.flush());
  return {
    state,
    capturing,
    interrupted,
    current,
    ...pulse.signals,
    ...devices,
    start: () => void start(),
    stop: () => void end(true),
    togglePause,
    discard,
  };
}

function createMachine() {
  const [state, setState] = createSignal<RecorderState>(IDLE);
  const send = (event: RecorderEvent): RecorderState => setState((now) => next(now, event));
  return { state, send, capturing: (): boolean => isCapturing(state()) };
}

function codeOf(error: unknown): CaptureErrorCode {
  return error instanceof CaptureFailure ? error.code : "failed";
}

/** A page in the background may be ended without a word. */
function whenHidden(flush: () => void): void {
  const onChange = (): void => {
    if (document.visibilityState === "hidden") flush();
  };
  document.addEventListener("visibilitychange", onChange);
  onCleanup(() => document.removeEventListener("visibilitychange", onChange));
}

/** Nothing where the encoder gives nothing any more, whatever the microphone says. */
function heard(capture: Capture | null, lastAt: number): number {
  return performance.now() - lastAt > DRY_AFTER_MS ? 0 : (capture?.level() ?? 0);
}

/** The bytes of one recording on their way into the outbox, in their order. */
function createTrack(keeper: Keeper, onBegun: (id: string) => void) {
  let writer: Promise<Writer> | null = null;
  let queue: Promise<unknown> = Promise.resolve();
  let lastAt = performance.now();
  const begin = async (mediaType: string): Promise<Writer> => {
    const begun = await keeper.record(mediaType);
    onBegun(begun.id);
    return begun;
  };
  const sink: Pick<Sink, "onType" | "onBytes"> = {
    onType: (mediaType) => {
      writer = begin(mediaType);
    },
    onBytes: (bytes) => {
      lastAt = performance.now();
      queue = queue.then(async () => (await writer)?.write(await bytes.arrayBuffer()));
    },
  };
  const ended = async (durationS: number): Promise<string | null> => {
    // What could not be kept must not keep what was from being ended.
    await queue.catch(() => undefined);
    const open = await writer?.catch(() => null);
    open?.end(durationS);
    return open?.id ?? null;
  };
  return {
    sink,
    lastAt: () => lastAt,
    touch: (): void => {
      lastAt = performance.now();
    },
    end: ended,
    drop: async (): Promise<void> => {
      const id = await ended(0);
      if (id) keeper.remove(id);
    },
  };
}

function createDevices() {
  const [microphones, setMicrophones] = createSignal<readonly Microphone[]>([]);
  const [microphone, setMicrophone] = createSignal(load(DEVICE) ?? "");
  const refresh = async (): Promise<void> => {
    const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    const named = devices.filter(({ kind, label }) => kind === "audioinput" && label !== "");
    setMicrophones(named.map(({ deviceId, label }) => ({ id: deviceId, name: label })));
  };
  const onChange = (): void => void refresh();
  onMount(() => {
    onChange();
    navigator.mediaDevices?.addEventListener?.("devicechange", onChange);
  });
  onCleanup(() => navigator.mediaDevices?.removeEventListener?.("devicechange", onChange));
  return {
    microphones,
    microphone,
    refresh,
    chooseMicrophone: (id: string): void => {
      setMicrophone(id);
      save(DEVICE, id);
    },
  };
}

/** Looks at the clock and at the microphone ten times a second. */
function createPulse(state: Accessor<RecorderState>, listen: () => number) {
  const [elapsedMs, setElapsedMs] = createSignal(0);
  const [level, setLevel] = createSignal(0, { equals: false });
  const [silent, setSilent] = createSignal(false);
  let silence: number | null = null;
  let timer: ReturnType<typeof setInterval> | undefined;

  const tick = (): void => {
    const now = performance.now();
    const recording = state().kind === "recording";
    const loudness = recording ? listen() : 0;
    silence = recording ? silentSince(silence, loudness, now) : null;
    batch(() => {
      setElapsedMs(elapsed(state(), now));
      setLevel(loudness);
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
