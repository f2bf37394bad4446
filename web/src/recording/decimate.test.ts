import { describe, expect, it } from "vitest";
import { createDecimator } from "./decimate";

function tone(hertz: number, rate: number, seconds: number): Float32Array {
  return Float32Array.from({ length: rate * seconds }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / rate));
}

function loudness(samples: Float32Array): number {
  const settled = samples.slice(100);
  return Math.sqrt(settled.reduce((sum, x) => sum + x * x, 0) / settled.length);
}

describe("createDecimator", () => {
  it.each([
    [48_000, 16_000],
    [44_100, 22_050],
    [16_000, 16_000],
    [8_000, 8_000],
  ])("brings %d Hz to %d Hz", (from, to) => {
    expect(createDecimator(from).rate).toBe(to);
  });

  it("keeps speech and takes away what would fold back into it", () => {
    const rate = 48_000;
    expect(loudness(createDecimator(rate).push(tone(1000, rate, 1)))).toBeCloseTo(Math.SQRT1_2, 2);
    expect(loudness(createDecimator(rate).push(tone(12_000, rate, 1)))).toBeLessThan(0.01);
  });

  it("gives the same samples however the input is cut", () => {
    const input = tone(440, 48_000, 0.1);
    const whole = createDecimator(48_000).push(input);
    const pieces = createDecimator(48_000);
    const cut: number[] = [];
    for (let at = 0; at < input.length; at += 127) cut.push(...pieces.push(input.slice(at, at + 127)));
    expect(cut).toEqual([...whole]);
    expect(cut.length).toBe(input.length / 3);
  });
});
