import { createDecimator } from "./decimate";
import workletUrl from "./pcm-worklet?worker&url";
import { toInt16 } from "./wav";

/** Where samples can be heard: the microphone, and what all that is heard has to lead to. */
export interface Hearing {
  context: AudioContext;
  source: AudioNode;
  sink: AudioNode;
}

/** Samples straight from the microphone, 16-bit and mono. */
export interface PcmRecorder {
  rate: number;
  setPaused(paused: boolean): void;
  /** Resolves once the samples have been handed over that were heard until now. */
  settled(): Promise<void>;
  close(): void;
}

export type Tap = "worklet" | "processor";

/** Samples at a time of the old way, the most there may be: a page that is busy for longer than they last loses some. */
const PROCESSOR_SAMPLES = 16384;
/** A microphone that is gone fills no block any more. */
const LONGEST_BLOCK_MS = 1000;

/** How samples can be had in this browser; to be asked before the microphone is. Null: not at all. */
export async function preparePcm(context: AudioContext): Promise<Tap | null> {
  try {
    await context.audioWorklet.addModule(workletUrl);
    return "worklet";
  } catch {
    // Deprecated, and the only way in browsers without worklets and on pages without https.
    return typeof context.createScriptProcessor === "function" ? "processor" : null;
  }
}

export function startPcm(
  { context, source, sink }: Hearing,
  tap: Tap,
  onSamples: (samples: Int16Array<ArrayBuffer>) => void,
): PcmRecorder {
  const decimator = createDecimator(context.sampleRate);
  let paused = false;
  let onBlock = (): void => undefined;
  const hear = (block: Float32Array): void => {
    if (!paused) onSamples(toInt16(decimator.push(block)));
    onBlock();
  };
  const node = tap === "worklet" ? workletTap(context, hear) : processorTap(context, hear);
  source.connect(node.node).connect(sink);
  return {
    rate: decimator.rate,
    setPaused: (value) => {
      paused = value;
    },
    settled: () =>
      new Promise((resolve) => {
        if (paused) return resolve();
        onBlock = resolve;
        setTimeout(resolve, LONGEST_BLOCK_MS);
      }),
    close: () => {
      node.silence();
      source.disconnect(node.node);
      node.node.disconnect();
    },
  };
}

interface TapNode {
  node: AudioNode;
  silence(): void;
}

function workletTap(context: AudioContext, hear: (block: Float32Array) => void): TapNode {
  const node = new AudioWorkletNode(context, "pcm-tap");
  node.port.onmessage = ({ data }: MessageEvent<Float32Array>) => hear(data);
  const silence = (): void => {
    node.port.onmessage = null;
  };
  return { node, silence };
}

function processorTap(context: AudioContext, hear: (block: Float32Array) => void): TapNode {
  const node = context.createScriptProcessor(PROCESSOR_SAMPLES, 1, 1);
  // The browser writes into the same array again.
  node.onaudioprocess = ({ inputBuffer }) => hear(inputBuffer.getChannelData(0).slice());
  const silence = (): void => {
    node.onaudioprocess = null;
  };
  return { node, silence };
}
