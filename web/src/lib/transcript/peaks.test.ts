import { describe, expect, it } from "vitest";
import { decodePeaks } from "./peaks";

/** A file as audiowaveform writes it: pairs of the least and the greatest sample. */
function file(pairs: number[], { version = 1, flags = 1, rate = 8000, length = pairs.length / 2 } = {}): ArrayBuffer {
  const data = new ArrayBuffer(20 + pairs.length);
  const view = new DataView(data);
  [version, flags, rate, 160, length].forEach((value, index) => void view.setInt32(4 * index, value, true));
  pairs.forEach((value, index) => void view.setInt8(20 + index, value));
  return data;
}

describe("decodePeaks", () => {
  it("gives the loudest sample of each stretch, and the length", () => {
    const peaks = decodePeaks(file([-128, 0, -1, 64, 0, 0, -32, 32]), 100);
    expect([...(peaks?.values ?? [])]).toEqual([1, 0.5, 0, 0.25]);
    expect(peaks?.duration).toBeCloseTo(0.08);
  });

  it("makes fewer of many, and loses no peak", () => {
    const quiet = Array.from({ length: 2000 }, () => 1);
    quiet[1001] = 127;
    const values = decodePeaks(file(quiet), 10)?.values ?? [];
    expect(values).toHaveLength(10);
    expect(values[5]).toBeCloseTo(127 / 128);
    expect(values[4]).toBeCloseTo(1 / 128);
  });

  it("refuses what it does not know", () => {
    const known = [0, 1];
    expect(decodePeaks(file(known, { version: 2 }), 10)).toBeNull();
    expect(decodePeaks(file(known, { flags: 0 }), 10)).toBeNull();
    expect(decodePeaks(file(known, { length: 2 }), 10)).toBeNull();
    expect(decodePeaks(file([]), 10)).toBeNull();
    expect(decodePeaks(new ArrayBuffer(3), 10)).toBeNull();
  });
});
