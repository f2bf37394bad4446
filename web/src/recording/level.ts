/** Below this a microphone delivers nothing at all: a quiet room is still about ten times as loud. */
const SILENCE = 0.0005;
const FLOOR_DB = -60;

/** Root mean square of samples from -1 to 1. */
export function rms(samples: Float32Array): number {
  if (samples.length === 0) return 0;
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / samples.length);
}

/** Loudness as people hear it, from 0 (-60 dB) to 1 (full scale). */
export function meterValue(level: number): number {
  if (level <= 0) return 0;
  const decibels = 20 * Math.log10(level);
  return Math.max(0, Math.min(1, 1 - decibels / FLOOR_DB));
}

/** Since when there has been no sound, in ms; null while there is some. */
export function silentSince(before: number | null, level: number, now: number): number | null {
  if (level > SILENCE) return null;
  return before ?? now;
}
