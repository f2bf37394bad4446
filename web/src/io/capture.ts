import { rms } from "../lib/level";
import { type CaptureErrorCode, captureError } from "../lib/recorder-machine";
import { type EncodedRecorder, startEncoded } from "./encoded";
import { type PcmRecorder, preparePcm, startPcm } from "./pcm";

/** WebKitGTK's encoder can stay silent without an error: after this much sound, the samples are taken instead. */
const PATIENCE_S = 2;

/** A microphone that is being recorded. */
export interface Capture {
  /** Root mean square of the last moment, 0 to 1. */
  level(): number;
  setPaused(paused: boolean): void;
  /** Ends the recording and lets go of the microphone. */
  stop(): Promise<Blob>;
}

export class CaptureFailure extends Error {
  constructor(readonly code: CaptureErrorCode) {
    super(code);
  }
}

/** Opens the microphone and records at once. Must be called from a user's gesture: Safari's audio needs one. */
export async function openCapture(onInterrupted: () => void): Promise<Capture> {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new CaptureFailure(window.isSecureContext ? "unsupported" : "insecure");
  }
  const context = openContext();
  try {
    const [stream, pcmWorks] = await Promise.all([openMicrophone(), context ? preparePcm(context) : false]);
    return record(stream, context, pcmWorks, onInterrupted);
  } catch (error) {
    void context?.close();
    throw error;
  }
}

function openContext(): AudioContext | null {
  try {
    const context = new AudioContext();
    void context.resume();
    return context;
  } catch {
    return null;
  }
}

async function openMicrophone(): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) {
    throw new CaptureFailure(captureError(error));
  }
}

function record(
  stream: MediaStream,
  context: AudioContext | null,
  pcmWorks: boolean,
  onInterrupted: () => void,
): Capture {
  const graph = context ? listen(context, stream) : null;
  const sources = startSources(stream, pcmWorks ? graph : null, onInterrupted);
  const release = (): void => {
    for (const track of stream.getTracks()) track.stop();
    void context?.close();
  };
  if (!sources) {
    release();
    throw new CaptureFailure("unsupported");
  }
  for (const track of stream.getTracks()) track.onended = onInterrupted;
  return {
    level: graph ? graph.level : () => 1,
    setPaused: sources.setPaused,
    stop: () => sources.stop().finally(release),
  };
}

interface Graph {
  context: AudioContext;
  source: AudioNode;
  sink: AudioNode;
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
  stop(): Promise<Blob>;
}

/** Samples are kept from the start until the encoder has proved that it works, so that a switch loses nothing. */
function startSources(stream: MediaStream, graph: Graph | null, onInterrupted: () => void): Sources | null {
  let pcm: PcmRecorder | null = null;
  let encoded: EncodedRecorder | null = null;
  const dropPcm = (): void => {
    pcm?.close();
    pcm = null;
  };
  const giveUpOnEncoder = (): void => {
    if (!encoded || !pcm || encoded.bytes() > 0 || pcm.seconds() < PATIENCE_S) return;
    void encoded.stop();
    encoded = null;
  };
  const encoderFailed = (): void => {
    if (pcm) encoded = null;
    else onInterrupted();
  };
  encoded = startEncoded(stream, dropPcm, encoderFailed);
  if (graph) pcm = startPcm(graph.context, graph.source, graph.sink, giveUpOnEncoder);
  if (!encoded && !pcm) return null;
  return {
    setPaused: (paused) => {
      encoded?.setPaused(paused);
      pcm?.setPaused(paused);
    },
    stop: async () => {
      const blob = await encoded?.stop();
      return blob?.size || !pcm ? (blob ?? new Blob()) : pcm.wav();
    },
  };
}
