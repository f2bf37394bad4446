import { describe, expect, it } from "vitest";
import { isActive, type JobTold, type JobView, remainingS, share, told } from "./jobs";

const AT = "2026-11-25T09:00:00Z";
const about = (more: Partial<JobTold> = {}): JobTold => ({ job_id: "j", at: AT, ...more });
const heard = (...events: [string, Partial<JobTold>][]): readonly JobView[] =>
  events.reduce<readonly JobView[]>((jobs, [event, more]) => told(jobs, event, about(more)), []);
const QUEUED: [string, Partial<JobTold>] = ["job.queued", { kind: "transcribe" }];
const STARTED: [string, Partial<JobTold>] = ["job.started", { kind: "transcribe" }];

describe("told", () => {
  it("follows a job to its end", () => {
    const caption = { id: 0, start: 0, end: 1, text: "Hello" };
    const jobs = heard(
      QUEUED,
      STARTED,
      ["job.progress", { done_s: 5, total_s: 10 }],
      ["job.segments", { segments: [caption] }],
    );
    expect(jobs).toMatchObject([{ state: "running", doneS: 5, totalS: 10, captions: [caption] }]);
    expect(told(jobs, "job.done", about({ kind: "transcribe" }))[0]?.state).toBe("done");
  });

  it("keeps the reason of a failure until it is tried again", () => {
    const failed = heard(QUEUED, ["job.failed", { kind: "transcribe", code: "worker_failed", message: "gone" }]);
    expect(failed[0]?.problem).toEqual({ code: "worker_failed", detail: "gone" });
    expect(told(told(failed, ...again("job.queued")), ...again("job.started"))[0]).toMatchObject({
      state: "running",
      problem: null,
    });
  });

  it("leaves out what prepares the playback", () => {
    expect(heard(["job.queued", { kind: "derive" }], ["job.progress", { done_s: 1, total_s: 2 }])).toEqual([]);
  });

  function again(event: string): [string, JobTold] {
    return [event, about({ kind: "transcribe" })];
  }
});

describe("share and remainingS", () => {
  const [job] = heard(QUEUED, STARTED, ["job.progress", { done_s: 25, total_s: 100 }]) as [JobView];
  const later = (seconds: number) => Date.parse(AT) + seconds * 1000;

  it("count at the pace of now", () => {
    expect(share(job)).toBe(0.25);
    expect(remainingS(job, later(10))).toBe(30);
  });

  it("say nothing while nobody knows", () => {
    expect(share({ ...job, totalS: null })).toBeNull();
    expect(remainingS(job, later(1))).toBeNull();
    expect(remainingS({ ...job, doneS: 0 }, later(10))).toBeNull();
    expect(remainingS({ ...job, state: "queued" }, later(10))).toBeNull();
  });

  it("know what goes on", () => {
    expect([isActive(job), isActive({ ...job, state: "cancelled" })]).toEqual([true, false]);
  });
});
