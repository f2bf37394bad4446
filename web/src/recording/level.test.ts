import { expect, it } from "vitest";
import { meterValue, rms, silentSince } from "./level";

it("measures loudness", () => {
  expect(rms(new Float32Array())).toBe(0);
  expect(rms(Float32Array.of(0.5, -0.5))).toBe(0.5);
});

it.each([
  [0, 0],
  [0.001, 0],
  [0.0316, 0.5],
  [1, 1],
  [2, 1],
])("shows the level %d as %d", (level, shown) => {
  expect(meterValue(level)).toBeCloseTo(shown, 2);
});

it("remembers when silence began, and forgets it at the first sound", () => {
  expect(silentSince(null, 0, 100)).toBe(100);
  expect(silentSince(100, 0.0001, 900)).toBe(100);
  expect(silentSince(100, 0.01, 900)).toBeNull();
});
