/** How recordings are sent: begun as a live recording or as a tus upload, appended to by offset, and completed. */
import { parseProblem } from "../lib/problem";
import type { Failure, SendingEvent } from "./machine";
import { type Reply, request } from "./request";
import type { Kept } from "./store";

const RECORDINGS = "/api/v1/recordings";
const UPLOADS = "/api/v1/uploads";
const TUS = { "Tus-Resumable": "1.0.0" };

/** An event for the machine; all but failures are certain. */
export type Answer = SendingEvent | { type: "failure"; failure: Failure };

/** The key makes it safe to ask again where the answer was lost: the service gives the recording of the first time. */
export function begin(kept: Kept, key: string): Promise<Answer> {
  return kept.kind === "file" ? beginFile(kept, key) : beginLive(kept, key);
}

async function beginLive({ name, mediaType, fields }: Kept, key: string): Promise<Answer> {
  const body = JSON.stringify({ filename: name, media_type: mediaType, ...Object.fromEntries(fields) });
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  const reply = await request({ method: "POST", url: RECORDINGS, headers, body });
  if (!isGood(reply)) return failure(reply);
  const { id, received } = JSON.parse(reply.body) as { id: string; received: number };
  return { type: "begun", recordingId: id, received };
}

async function beginFile({ name, mediaType, fields, stored }: Kept, key: string): Promise<Answer> {
  const described = metadata([["filename", name], ["filetype", mediaType], ...fields]);
  const headers = { ...TUS, "Idempotency-Key": key, "Upload-Length": String(stored), "Upload-Metadata": described };
  const reply = await request({ method: "POST", url: UPLOADS, headers });
  const id = reply.header("Location")?.split("/").pop();
  if (!isGood(reply) || !id) return failure(reply);
  return { type: "begun", recordingId: id, received: offset(reply) ?? 0 };
}

export async function ask(id: string): Promise<Answer> {
  const reply = await request({ method: "HEAD", url: `${UPLOADS}/${id}`, headers: TUS });
  const bytes = offset(reply);
  return isGood(reply) && bytes !== null ? { type: "received", bytes } : failure(reply);
}

export interface Part {
  from: number;
  bytes: Blob;
  onSent: (bytes: number) => void;
  signal: AbortSignal;
}

export async function append(id: string, { from, bytes, onSent, signal }: Part): Promise<Answer> {
  // It may have waited for its turn, and its bytes for the disk.
  if (signal.aborted) return { type: "stopped" };
  const headers = { ...TUS, "Upload-Offset": String(from), "Content-Type": "application/offset+octet-stream" };
  const reply = await request({ method: "PATCH", url: `${UPLOADS}/${id}`, headers, body: bytes, onSent, signal });
  if (signal.aborted) return { type: "stopped" };
  const received = offset(reply);
  return isGood(reply) && received !== null ? { type: "received", bytes: received } : failure(reply);
}

export async function complete(id: string): Promise<Answer> {
  const reply = await request({ method: "POST", url: `${RECORDINGS}/${id}/complete`, headers: {} });
  return isGood(reply) ? { type: "completed" } : failure(reply);
}

/** Deletes what has come of it. */
export async function withdraw(id: string): Promise<Answer> {
  const reply = await request({ method: "DELETE", url: `${UPLOADS}/${id}`, headers: TUS });
  return isGood(reply) ? { type: "withdrawn" } : failure(reply);
}

/** What is complete is a recording: it can be restored, as it may have been used since. */
export async function trash(id: string): Promise<Answer> {
  const reply = await request({ method: "DELETE", url: `${RECORDINGS}/${id}`, headers: {} });
  return isGood(reply) ? { type: "withdrawn" } : failure(reply);
}

function isGood({ status }: Reply): boolean {
  return status >= 200 && status < 300;
}

function offset(reply: Reply): number | null {
  const value = reply.header("Upload-Offset");
  return value === null ? null : Number(value);
}

function failure(reply: Reply): Answer {
  const after = Number(reply.header("Retry-After") ?? "");
  const found = {
    // A good answer without what it must have comes from something in between.
    status: isGood(reply) ? 0 : reply.status,
    problem: reply.status === 0 ? parseProblem(503, "") : parseProblem(reply.status, reply.body),
    retryAfterMs: after > 0 ? after * 1000 : null,
    received: offset(reply),
  };
  return { type: "failure", failure: found };
}

/** Upload-Metadata of tus: base64 of UTF-8. */
export function metadata(pairs: [string, string][]): string {
  return pairs
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name} ${base64(value)}`)
    .join(",");
}

function base64(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
}
