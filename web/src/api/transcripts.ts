import type { Edit } from "../lib/transcript/editing";
import { type Answer, api, ask, type Shape } from "./client";

export type Head = Shape<"TranscriptHead">;
export type Transcript = Shape<"Transcript">;
export type Edited = Shape<"EditedTranscript">;
export type Entry = Shape<"HistoryEntry">;
export type History = Shape<"History">;
export type Job = Shape<"Job">;
export type Recording = Shape<"Recording">;

const ONE = "/api/v1/recordings/{recording_id}";
const VERSION = "/api/v1/recordings/{recording_id}/transcripts/{version}";

/** Which version of which recording's transcript. */
export interface Place {
  recording: string;
  /** A number, or `current`. */
  version: string;
}

export interface Stretch {
  from: number;
  limit: number;
  words: boolean;
}

function at({ recording, version }: Place) {
  return { recording_id: recording, version };
}

export function readLines(place: Place, query: Stretch, signal: AbortSignal | null): Promise<Answer<Transcript>> {
  return ask(api.GET(VERSION, { params: { path: at(place), query }, signal }));
}

export function edit(place: Place, revision: number, edits: Edit[]): Promise<Answer<Edited>> {
  // Each operation is described with its fields; together they are more than the generated types can tell apart.
  return ask(api.PATCH(VERSION, { params: { path: at(place) }, body: { revision, edits } as never }));
}

export function takeBack(place: Place, revision: number, what: "undo" | "redo"): Promise<Answer<Edited>> {
  return ask(api.POST(`${VERSION}/${what}`, { params: { path: at(place) }, body: { revision } }));
}

export function readHistory(place: Place, before: number | null, signal: AbortSignal): Promise<Answer<History>> {
  const query = { limit: 50, ...(before === null ? {} : { before }) };
  return ask(api.GET(`${VERSION}/history`, { params: { path: at(place), query }, signal }));
}

export async function listVersions(recording: string, signal: AbortSignal): Promise<Answer<Head[]>> {
  const path = { recording_id: recording };
  const answer = await ask(api.GET(`${ONE}/transcripts`, { params: { path }, signal }));
  return answer.ok ? { ok: true, value: answer.value.items } : answer;
}

export function makeCurrent(recording: string, version: number): Promise<Answer<Head>> {
  const path = { recording_id: recording };
  return ask(api.PUT(`${ONE}/transcripts/current`, { params: { path }, body: { version } }));
}

export function changeRecording(
  id: string,
  changes: { title?: string; notes?: string; tags?: string[] },
): Promise<Answer<Recording>> {
  return ask(api.PATCH(ONE, { params: { path: { recording_id: id } }, body: changes }));
}

export async function trashRecording(id: string): Promise<Answer<unknown>> {
  return ask(api.DELETE(ONE, { params: { path: { recording_id: id } } }) as Promise<never>);
}

export function restoreRecording(id: string): Promise<Answer<Recording>> {
  return ask(api.POST(`${ONE}/restore`, { params: { path: { recording_id: id } } }));
}

/** Transcribes it again: what is left out is the service's to decide. */
export function transcribeAgain(id: string, wish: Record<string, unknown>): Promise<Answer<Job>> {
  return ask(api.POST(`${ONE}/jobs`, { params: { path: { recording_id: id } }, body: wish as never }));
}

export function changeJob(id: string, what: "cancel" | "retry"): Promise<Answer<Job>> {
  return ask(api.POST(`/api/v1/jobs/{job_id}/${what}`, { params: { path: { job_id: id } } }));
}

/** The peaks of the sound; null where there are none yet. */
export async function readWaveform(id: string, signal: AbortSignal): Promise<ArrayBuffer | null> {
  try {
    const response = await fetch(addressOf(id, "waveform"), { signal });
    return response.ok ? await response.arrayBuffer() : null;
  } catch {
    return null;
  }
}

export function addressOf(id: string, what: "audio" | "playback" | "waveform" | "events"): string {
  return `/api/v1/recordings/${encodeURIComponent(id)}/${what}`;
}

export const EXPORTS = ["txt", "srt", "vtt", "json", "docx"] as const;

export function exportAddress(id: string, format: (typeof EXPORTS)[number], version: number): string {
  return `/api/v1/recordings/${encodeURIComponent(id)}/export?format=${format}&version=${version}`;
}
