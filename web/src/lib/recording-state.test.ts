import { expect, it } from "vitest";
import { isUnderway, stageOf } from "./recording-state";

type Known = Parameters<typeof stageOf>[0];
type Transcription = Known["transcription"];

const NONE: Transcription = { state: "none", job_id: null, done_s: 0, total_s: null, error: null };

function recording(work: Partial<Transcription> | null, about: Partial<Known> = {}): Known {
  const transcription = { ...NONE, ...work };
  return { state: "complete", received: 10, length: 10, transcript_id: null, transcription, ...about };
}

it.each([
  ["receiving", recording(null, { state: "receiving", received: 3, length: 12 }), { kind: "receiving", ratio: 0.25 }],
  ["live", recording(null, { state: "receiving", length: null }), { kind: "receiving", ratio: null }],
  ["queued", recording({ state: "queued" }), { kind: "waiting" }],
  ["running", recording({ state: "running", done_s: 30, total_s: 60 }), { kind: "transcribing", ratio: 0.5 }],
  ["again", recording({ state: "queued" }, { transcript_id: "tr_1" }), { kind: "waiting" }],
  ["done", recording({ state: "done" }, { transcript_id: "tr_1" }), { kind: "ready" }],
  ["failed again", recording({ state: "failed" }, { transcript_id: "tr_1" }), { kind: "ready" }],
  [
    "failed",
    recording({ state: "failed", error: { code: "no_audio_stream", message: "No sound." } }),
    { kind: "failed", code: "no_audio_stream", detail: "No sound." },
  ],
  ["cancelled", recording({ state: "cancelled" }), { kind: "cancelled" }],
  ["only kept", recording(null), { kind: "kept" }],
])("tells the stage of one that is %s", (_, known, expected) => {
  expect(stageOf(known)).toEqual(expected);
});

it("knows what changes by itself", () => {
  expect(isUnderway(recording({ state: "queued" }))).toBe(true);
  expect(isUnderway(recording({ state: "failed" }))).toBe(false);
});
