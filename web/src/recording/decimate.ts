/** Speech models listen at 16 kHz: keeping more of a PCM recording than that only makes it three times as large. */
const WANTED_RATE = 16_000;
const TAPS_PER_FACTOR = 16;

export interface Decimator {
  rate: number;
  push(block: Float32Array): Float32Array;
}

/** Keeps one sample of `factor`, after a low-pass filter, over blocks of any length. */
export function createDecimator(inputRate: number): Decimator {
  const factor = Math.max(1, Math.floor(inputRate / WANTED_RATE));
  const taps = lowPass(factor);
  let history = new Float32Array(taps.length - 1);
  return {
    rate: Math.round(inputRate / factor),
    push(block) {
      const line = concat(history, block);
      const ready = Math.max(0, Math.floor((line.length - taps.length) / factor) + 1);
      const out = Float32Array.from({ length: ready }, (_, i) => dot(taps, line, i * factor));
      history = line.slice(ready * factor);
      return out;
    },
  };
}

/** A windowed sinc that lets through what the lower rate can hold, and sums up to 1. */
function lowPass(factor: number): Float32Array {
  if (factor === 1) return Float32Array.of(1);
  const middle = (TAPS_PER_FACTOR * factor) / 2;
  const taps = Float32Array.from({ length: 2 * middle + 1 }, (_, i) => {
    const x = (i - middle) / factor;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    return sinc * (0.5 + 0.5 * Math.cos((Math.PI * (i - middle)) / (middle + 1)));
  });
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}

function dot(taps: Float32Array, line: Float32Array, from: number): number {
  let sum = 0;
  for (let i = 0; i < taps.length; i++) sum += (taps[i] ?? 0) * (line[from + i] ?? 0);
  return sum;
}

function concat(a: Float32Array, b: Float32Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}
