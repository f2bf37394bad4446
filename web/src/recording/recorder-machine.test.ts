import { describe, expect, it } from "vitest";
import {
  captureError,
  elapsed,
  IDLE,
  isCapturing,
  next,
  type RecorderEvent,
  type RecorderState,
} from "./recorder-machine";

function run(...events: RecorderEvent[]): RecorderState {
  return events.reduce(next, IDLE);
}

const START: RecorderEvent[] = [{ type: "start" }, { type: "granted", now: 1000 }];

describe("next", () => {
  it("records, pauses, goes on and stops, and counts what was recorded", () => {
    const paused = run(...START, { type: "pause", now: 3000 });
    expect(elapsed(paused, 99_000)).toBe(2000);
    const resumed = next(paused, { type: "resume", now: 10_000 });
    expect(elapsed(resumed, 10_500)).toBe(2500);
    const stopping = next(resumed, { type: "stop", now: 11_000 });
    expect(stopping).toEqual({ kind: "stopping", before: 3000 });
    expect(next(stopping, { type: "finished" })).toEqual(IDLE);
  });

  it("stops while paused", () => {
    expect(run(...START, { type: "pause", now: 3000 }, { type: "stop", now: 9000 })).toEqual({
      kind: "stopping",
      before: 2000,
    });
  });

  it("forgets the last error at a new start", () => {
    const failed = run({ type: "start" }, { type: "failed", error: "denied" });
    expect(failed).toEqual({ kind: "idle", error: "denied" });
    expect(next(failed, { type: "start" })).toEqual({ kind: "requesting" });
  });

  it.each<RecorderEvent>([
    { type: "granted", now: 1 },
    { type: "pause", now: 1 },
    { type: "resume", now: 1 },
    { type: "stop", now: 1 },
  ])("passes over $type while idle", (event) => {
    expect(next(IDLE, event)).toBe(IDLE);
  });

  it("passes over a second start", () => {
    const recording = run(...START);
    expect(next(recording, { type: "start" })).toBe(recording);
    expect(isCapturing(recording)).toBe(true);
  });
});

it.each([
  ["NotAllowedError", "denied"],
  ["NotFoundError", "no_microphone"],
  ["NotReadableError", "busy"],
  ["SomethingElse", "failed"],
])("%s means %s", (name, code) => {
  expect(captureError(new DOMException("", name))).toBe(code);
});

it("anything else that is thrown is a failure", () => {
  expect(captureError("no")).toBe("failed");
});
