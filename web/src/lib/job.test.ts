import { describe, expect, it } from "vitest";
import { advance, isFinal, type Job, type JobEvent, noJob, progressOf } from "./job";

const line = (id: number) => ({ id, start: id, end: id + 1, text: `line ${id}` });
const jobAfter = (...events: JobEvent[]): Job => events.reduce(advance, noJob());

describe("the transcription of a recording", () => {
  const begun: JobEvent[] = [{ type: "queued", id: "job_1" }, { type: "started" }];

  it("shows lines as they come, and the whole transcript in their place", () => {
    const going = jobAfter(
      ...begun,
      { type: "segments", segments: [line(0)] },
      { type: "segments", segments: [line(1)] },
    );
    expect(going.segments.map(({ id }) => id)).toEqual([0, 1]);
    const language = { code: "en", name: "english" };
    const whole: JobEvent = { type: "transcript", segments: [line(0), line(1), line(2)], more: false, language };
    const done = advance(going, whole);
    expect(done).toMatchObject({ phase: "done", language });
    expect(done.segments).toHaveLength(3);
  });

  it("knows how far it is once the length is known", () => {
    expect(progressOf(jobAfter(...begun))).toBeNull();
    expect(progressOf(jobAfter(...begun, { type: "progress", doneS: 5, totalS: null }))).toBeNull();
    expect(progressOf(jobAfter(...begun, { type: "progress", doneS: 5, totalS: 20 }))).toBe(0.25);
  });

  it("stays ended until it is queued again", () => {
    const failed = jobAfter(...begun, { type: "failed", problem: { code: "worker_failed", detail: "" } });
    expect(isFinal(failed)).toBe(true);
    expect(advance(failed, { type: "segments", segments: [line(0)] })).toBe(failed);
    expect(advance(failed, { type: "queued", id: "job_1" })).toMatchObject({ phase: "queued", problem: null });
  });
});
