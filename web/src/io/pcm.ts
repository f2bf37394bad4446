import { createDecimator } from "../lib/decimate";
import { toInt16, wavHeader } from "../lib/wav";
import workletUrl from "./pcm-worklet?worker&url";

/** Samples straight from the microphone, as a WAV file. */
export interface PcmRecorder {
  seconds(): number;
  setPaused(paused: boolean): void;
  wav(): Blob;
  close(): void;
}

/** Tells whether samples can be had in this browser at all; to be called before the microphone is asked for. */
export async function preparePcm(context: AudioContext): Promise<boolean> {
  try {
    await context.audioWorklet.addModule(workletUrl);
    return true;
  } catch {
    return false;
  }
}

export function startPcm(
  context: AudioContext,
  source: AudioNode,
  sink: AudioNode,
  onSamples: () => void,
): PcmRecorder {
  const decimator = createDecimator(context.sampleRate);
  const chunks: Int16Array<ArrayBuffer>[] = [];
  let samples = 0;
  let paused = false;
  const tap = new AudioWorkletNode(context, "pcm-tap");
  tap.port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
    if (paused) return;
    const chunk = toInt16(decimator.push(data));
    chunks.push(chunk);
    samples += chunk.length;
    onSamples();
  };
  source.connect(tap).connect(sink);
  return {
    seconds: () => samples / decimator.rate,
    setPaused: (value) => {
      paused = value;
    },
    wav: () => new Blob([wavHeader(samples, decimator.rate), ...chunks], { type: "audio/wav" }),
    close: () => {
      tap.port.onmessage = null;
      source.disconnect(tap);
      tap.disconnect();
    },
  };
}
