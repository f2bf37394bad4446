import type { TagStep } from "../lib/retagging";
import { type Answer, api, ask, type Shape } from "./client";
import type { Filters } from "./recordings";

export type FoundRecording = Shape<"FoundRecording">;
export type FoundRecordings = Shape<"FoundRecordings">;
export type Outcome = Shape<"BulkOutcome">;
export type Receipt = Shape<"Receipt">;
export type TagCount = Shape<"Tag">;

type Change = TagStep | { action: "trash" | "restore"; ids: string[] };

/** What the server changes in one request. */
const MOST_AT_ONCE = 500;

/** A page of the library, with what a row says of each. */
export function findRecordings(query: Filters, signal: AbortSignal): Promise<Answer<FoundRecordings>> {
  return ask(api.GET("/api/v1/recordings", { params: { query: { ...query, summary: true } }, signal }));
}

/** Every tag, the commonest first. */
export async function listTags(signal: AbortSignal): Promise<Answer<TagCount[]>> {
  const answer = await ask(api.GET("/api/v1/tags", { signal }));
  return answer.ok ? { ok: true, value: answer.value.items } : answer;
}

/** Does the same to many; what became of each. Where one request fails, those after it are not made. */
export async function changeMany(change: Change): Promise<Answer<Outcome[]>> {
  const outcomes: Outcome[] = [];
  for (let start = 0; start < change.ids.length; start += MOST_AT_ONCE) {
    const body = { ...change, ids: change.ids.slice(start, start + MOST_AT_ONCE) };
    const answer = await ask(api.POST("/api/v1/recordings/bulk", { body }));
    if (!answer.ok) return answer;
    outcomes.push(...answer.value.items);
  }
  return { ok: true, value: outcomes };
}

/** Deletes one for good; its receipt. */
export async function deleteForGood(id: string): Promise<Answer<Receipt>> {
  const params = { path: { recording_id: id }, query: { permanently: true } };
  const answer = await ask(api.DELETE("/api/v1/recordings/{recording_id}", { params }));
  return answer.ok ? { ok: true, value: answer.value as Receipt } : answer;
}

/** For how many days the trash keeps what is in it. */
export async function trashDays(signal: AbortSignal): Promise<Answer<number>> {
  const answer = await ask(api.GET("/api/v1/retention", { signal }));
  return answer.ok ? { ok: true, value: answer.value.trash_days } : answer;
}

/** Transcribes again what could not be: what has been computed is kept. */
export function retryJob(id: string): Promise<Answer<Shape<"Job">>> {
  return ask(api.POST("/api/v1/jobs/{job_id}/retry", { params: { path: { job_id: id } } }));
}
