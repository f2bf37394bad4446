import { describe, expect, it } from "vitest";
import { advance, decode, type Job, type JobEvent, progressOf, waitingJob } from "./job";

const SEGMENT = { id: 0, start: 0, end: 1, text: "您好" };
const RESULT = {
  language: "zh",
  language_name: "chinese",
  duration: 1,
  text: "您好",
  formats: { txt: "您好", srt: "", vtt: "", json: "" },
};

function run(...events: JobEvent[]): Job {
  return events.reduce(advance, waitingJob());
}

describe("advance", () => {
  it("goes from upload to text", () => {
    const uploading = run({ type: "sent" }, { type: "uploaded", ratio: 0.5 });
    expect(uploading).toMatchObject({ phase: "uploading", uploaded: 0.5 });
    const working = [
      { type: "uploaded", ratio: 1 },
      { type: "accepted" },
      { type: "progress", doneS: 1, totalS: 4 },
      { type: "segment", segment: SEGMENT },
    ] satisfies JobEvent[];
    const processing = working.reduce(advance, uploading);
    expect(processing).toMatchObject({ phase: "processing", segments: [SEGMENT] });
    expect(progressOf(processing)).toBe(0.25);
    expect(advance(processing, { type: "done", result: RESULT })).toMatchObject({ phase: "done", result: RESULT });
  });

  it("is not brought back to life after its end", () => {
    const cancelled = run({ type: "sent" }, { type: "cancelled" });
    expect(advance(cancelled, { type: "failed", problem: { code: "network", detail: "" } })).toBe(cancelled);
  });

  it("starts anew when it is sent again", () => {
    const failed = run(
      { type: "sent" },
      { type: "segment", segment: SEGMENT },
      {
        type: "failed",
        problem: { code: "network", detail: "" },
      },
    );
    expect(advance(failed, { type: "sent" })).toEqual({ ...waitingJob(), phase: "uploading" });
  });
});

describe("progressOf", () => {
  it("does not claim to know what it cannot", () => {
    expect(progressOf(waitingJob())).toBeNull();
    expect(progressOf(run({ type: "sent" }, { type: "progress", doneS: 3, totalS: null }))).toBeNull();
  });

  it("never goes beyond the end", () => {
    expect(progressOf(run({ type: "sent" }, { type: "progress", doneS: 5, totalS: 4 }))).toBe(1);
  });
});

describe("decode", () => {
  it.each([
    ["accepted", { request_id: "a" }, { type: "accepted" }],
    ["progress", { done_s: 1, total_s: null }, { type: "progress", doneS: 1, totalS: null }],
    ["segment", SEGMENT, { type: "segment", segment: SEGMENT }],
    ["done", RESULT, { type: "done", result: RESULT }],
    ["error", { code: "draining", detail: "x" }, { type: "failed", problem: { code: "draining", detail: "x" } }],
    ["news", {}, null],
  ])("reads %s", (event, data, decoded) => {
    expect(decode({ event, data: JSON.stringify(data) })).toEqual(decoded);
  });
});
