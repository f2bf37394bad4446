import { type Answer, api, ask, type Shape } from "./client";
import type { paths } from "./schema";

export type Recording = Shape<"Recording">;
export type FoundRecording = Shape<"FoundRecording">;
export type FoundRecordings = Shape<"FoundRecordings">;
export type Transcript = Shape<"Transcript">;
export type Filters = NonNullable<paths["/api/v1/recordings"]["get"]["parameters"]["query"]>;

export function listRecordings(query: Filters, signal: AbortSignal): Promise<Answer<FoundRecordings>> {
  return ask(api.GET("/api/v1/recordings", { params: { query }, signal }));
}

export function getRecording(id: string, signal: AbortSignal): Promise<Answer<Recording>> {
  return ask(api.GET("/api/v1/recordings/{recording_id}", { params: { path: { recording_id: id } }, signal }));
}

const NO_TRANSCRIPT = new Set<string | undefined>(["transcript_not_found", "transcription_failed"]);

/** The current version with its first segments; null where there is none. */
export async function getTranscript(id: string, signal: AbortSignal): Promise<Answer<Transcript | null>> {
  const path = { recording_id: id, version: "current" };
  const answer = await ask(
    api.GET("/api/v1/recordings/{recording_id}/transcripts/{version}", { params: { path }, signal }),
  );
  return !answer.ok && NO_TRANSCRIPT.has(answer.problem.code) ? { ok: true, value: null } : answer;
}
