/** What a waveform is drawn from. */
export interface Peaks {
  /** For each stretch of equal length the loudest sample, from 0 to 1. */
  values: Float32Array;
  duration: number;
}

const HEADER_BYTES = 20;
const EIGHT_BIT = 1;

/**
 * Reads the format of BBC audiowaveform, version 1, 8 bit, one channel, and makes at most `most` values of it; null for
 * anything else. https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md
 */
export function decodePeaks(data: ArrayBuffer, most: number): Peaks | null {
  if (data.byteLength < HEADER_BYTES) return null;
  const view = new DataView(data);
  const [version, flags] = [view.getInt32(0, true), view.getUint32(4, true)];
  const [rate, samplesPerPixel, length] = [8, 12, 16].map((at) => view.getUint32(at, true)) as [number, number, number];
  if (version !== 1 || flags !== EIGHT_BIT || rate === 0 || length === 0) return null;
  if (data.byteLength < HEADER_BYTES + 2 * length) return null;
  const pairs = new Int8Array(data, HEADER_BYTES, 2 * length);
  return { values: loudest(pairs, Math.min(length, most)), duration: (length * samplesPerPixel) / rate };
}

function loudest(pairs: Int8Array, count: number): Float32Array {
  const length = pairs.length / 2;
  const values = new Float32Array(count);
  for (let pair = 0; pair < length; pair++) {
    const value = Math.max(Math.abs(pairs[2 * pair] ?? 0), Math.abs(pairs[2 * pair + 1] ?? 0)) / 128;
    const place = Math.floor((pair * count) / length);
    if (value > (values[place] ?? 0)) values[place] = value;
  }
  return values;
}
