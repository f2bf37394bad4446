const HEADER_BYTES = 44;
const BYTES_PER_SAMPLE = 2;
const ENDLESS = 0xffffffff;

/**
 * The header of a mono 16-bit WAV file whose length is not known while it is sent: the largest sizes that can be written,
 * which readers take for "until the end".
 */
export function endlessWavHeader(sampleRate: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES));
  ascii(view, 0, "RIFF");
  view.setUint32(4, ENDLESS, true);
  ascii(view, 8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * BYTES_PER_SAMPLE, true);
  view.setUint16(32, BYTES_PER_SAMPLE, true);
  view.setUint16(34, BYTES_PER_SAMPLE * 8, true);
  ascii(view, 36, "data");
  view.setUint32(40, ENDLESS, true);
  return view.buffer as ArrayBuffer;
}

/** Samples from -1 to 1 as 16-bit integers; what is louder is cut off. */
export function toInt16(samples: Float32Array): Int16Array<ArrayBuffer> {
  const out = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const sample = Math.max(-1, Math.min(1, samples[i] ?? 0));
    out[i] = Math.round(sample * (sample < 0 ? 0x8000 : 0x7fff));
  }
  return out;
}

function ascii(view: DataView, offset: number, text: string): void {
  for (let i = 0; i < text.length; i++) view.setUint8(offset + i, text.charCodeAt(i));
}
