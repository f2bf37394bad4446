import { type Choice, type ChoiceEvent, choose, newChoice } from "./choice";
import { type EncodedRecorder, startEncoded } from "./encoded";
import { rms } from "./level";
import { type Hearing, type PcmRecorder, preparePcm, startPcm, type Tap } from "./pcm";
import { CaptureFailure, captureError } from "./recorder-machine";
import { endlessWavHeader } from "./wav";

/** What becomes of the sound. */
export interface Sink {
  /** How the bytes that follow are to be read; told once, before the first ones. */
  onType(mediaType: string): void;
  onBytes(bytes: Blob): void;
  /** The microphone is gone. */
  onInterrupted(): void;
}

/** A microphone that is being recorded. */
export interface Capture {
  /** Root mean square of the last moment, 0 to 1; 0 too while the system mutes the microphone. */
  level(): number;
  setPaused(paused: boolean): void;
  /** Hands over what there is: the page may not come back. */
  flush(): void;
  /** Ends the recording and lets go of the microphone; the last bytes have been handed over then. */
  stop(): Promise<void>;
}

/** Opens the microphone and records at once. Must be called from a user's gesture: Safari's audio needs one. */
export async function openCapture(deviceId: string, sink: Sink): Promise<Capture> {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new CaptureFailure(window.isSecureContext ? "unsupported" : "insecure");
  }
  const context = openContext();
  let stream: MediaStream | null = null;
  try {
    const [opened, tap] = await Promise.all([openMicrophone(deviceId), context ? preparePcm(context) : null]);
    stream = opened;
    return record(opened, context, tap, sink);
  } catch (error) {
    release(stream, context);
    throw error;
  }
}

function release(stream: MediaStream | null, context: AudioContext | null): void {
  for (const track of stream?.getTracks() ?? []) {
    // Chrome before 57 tells of an end that is our own, too.
    track.onended = null;
    track.stop();
  }
  void context?.close();
}

function openContext(): AudioContext | null {
  try {
    const context = new AudioContext();
    const wake = (): void => {
      // A telephone call stops it, and it does not go on by itself.
      if (context.state !== "running" && context.state !== "closed") void context.resume().catch(() => undefined);
    };
    context.onstatechange = wake;
    wake();
    return context;
  } catch {
    return null;
  }
}

async function openMicrophone(deviceId: string): Promise<MediaStream> {
  try {
    // Not "exact": a microphone that was unplugged is replaced by the one that there is.
    return await navigator.mediaDevices.getUserMedia({ audio: deviceId ? { deviceId: { ideal: deviceId } } : true });
  } catch (error) {
    throw new CaptureFailure(captureError(error));
  }
}

function record(stream: MediaStream, context: AudioContext | null, tap: Tap | null, sink: Sink): Capture {
  const graph = context ? listen(context, stream) : null;
  const sources = startSources(stream, graph && tap ? { ...graph, tap } : null, sink);
  if (!sources) throw new CaptureFailure("unsupported");
  for (const track of stream.getTracks()) track.onended = sink.onInterrupted;
  const muted = (): boolean => stream.getTracks().every((track) => track.muted);
  return {
    level: () => (muted() ? 0 : (graph?.level() ?? 1)),
    setPaused: sources.setPaused,
    flush: sources.flush,
    stop: () => sources.stop().finally(() => release(stream, context)),
  };
}

interface Graph extends Hearing {
  level(): number;
}

function listen(context: AudioContext, stream: MediaStream): Graph {
  const source = context.createMediaStreamSource(stream);
  const analyser = context.createAnalyser();
  // Browsers only run what leads to the speakers; without any gain nothing of it is heard.
  const sink = context.createGain();
  sink.gain.value = 0;
  source.connect(analyser).connect(sink).connect(context.destination);
  const samples = new Float32Array(analyser.fftSize);
  const level = (): number => {
    analyser.getFloatTimeDomainData(samples);
    return rms(samples);
  };
  return { context, source, sink, level };
}

interface Sources {
  setPaused(paused: boolean): void;
  flush(): void;
  stop(): Promise<void>;
}

/** Both recorders at first; null where there is none. */
function startSources(stream: MediaStream, heard: (Graph & { tap: Tap }) | null, sink: Sink): Sources | null {
  let choice: Choice = newChoice(false, false);
  let encoder: EncodedRecorder | null = null;
  let pcm: PcmRecorder | null = null;
  const samples = createSamples(sink);

  const tell = (event: ChoiceEvent): void => {
    const before = choice.by;
    choice = choose(choice, event);
    if (choice.by !== before) begin();
  };
  const begin = (): void => {
    if (choice.by === "encoder" && encoder) {
      pcm?.close();
      pcm = null;
      samples.forget();
      sink.onType(encoder.mediaType);
    }
    if (choice.by === "samples" && pcm) {
      void encoder?.stop();
      encoder = null;
      samples.begin(pcm.rate);
    }
  };
  encoder = startEncoded(
    stream,
    (data) => {
      tell({ type: "encoded" });
      if (choice.by === "encoder") sink.onBytes(data);
    },
    () => (choice.by === "encoder" || !pcm ? sink.onInterrupted() : tell({ type: "encoder_failed" })),
  );
  if (heard) {
    pcm = startPcm(heard, heard.tap, (block) => {
      samples.add(block);
      if (pcm) tell({ type: "heard", seconds: block.length / pcm.rate });
    });
  }
  choice = newChoice(encoder !== null, pcm !== null);
  if (!encoder && !pcm) return null;
  begin();
  return {
    setPaused: (paused) => {
      encoder?.setPaused(paused);
      pcm?.setPaused(paused);
    },
    flush: () => {
      encoder?.flush();
      samples.flush();
    },
    stop: async () => {
      await Promise.all([encoder?.stop(), pcm?.settled()]);
      tell({ type: "stopped" });
      pcm?.close();
      samples.flush();
    },
  };
}

/** Gathers samples to about a second at a time; before `begin` all of them are kept. */
function createSamples(sink: Sink) {
  let blocks: Int16Array<ArrayBuffer>[] = [];
  let gathered = 0;
  let rate = 0;
  const flush = (): void => {
    if (!rate || gathered === 0) return;
    sink.onBytes(new Blob(blocks));
    blocks = [];
    gathered = 0;
  };
  return {
    begin: (samplesPerSecond: number): void => {
      rate = samplesPerSecond;
      sink.onType("audio/wav");
      sink.onBytes(new Blob([endlessWavHeader(rate)]));
      flush();
    },
    add: (block: Int16Array<ArrayBuffer>): void => {
      blocks.push(block);
      gathered += block.length;
      if (gathered >= rate) flush();
    },
    flush,
    forget: (): void => {
      blocks = [];
      gathered = 0;
    },
  };
}
