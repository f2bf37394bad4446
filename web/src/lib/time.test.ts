import { expect, it } from "vitest";
import { clock, isRecordedName, recordedName, stamp } from "./time";

it.each([
  [0, "0:00"],
  [9.99, "0:09"],
  [61, "1:01"],
  [3599, "59:59"],
  [3600, "1:00:00"],
  [36_061, "10:01:01"],
  [-1, "0:00"],
  [Number.POSITIVE_INFINITY, "0:00"],
  [Number.NaN, "0:00"],
])("clock(%d) is %s", (seconds, text) => {
  expect(clock(seconds)).toBe(text);
});

it("stamps a date in local time", () => {
  expect(stamp(new Date(2026, 0, 2, 3, 4))).toBe("20260102-0304");
});

it("knows the names that it made itself", () => {
  const date = new Date(2026, 0, 2, 3, 4);
  expect(recordedName(date, "webm")).toBe("care-voice-20260102-0304.webm");
  for (const extension of ["webm", "mp4", "ogg", "wav"])
    expect(isRecordedName(recordedName(date, extension))).toBe(true);
  for (const name of ["visit.webm", "care-voice-20260102-0304 (1).webm", "my care-voice-20260102-0304.webm", ""]) {
    expect(isRecordedName(name)).toBe(false);
  }
});
