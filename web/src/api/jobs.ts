import { type Answer, api, ask } from "./client";

/** Transcribes a recording again with these options. */
export function transcribeAgain(id: string, options: [string, string][]): Promise<Answer<unknown>> {
  const params = { path: { recording_id: id } };
  return ask(api.POST("/api/v1/recordings/{recording_id}/jobs", { params, body: Object.fromEntries(options) }));
}

/** Queues a job again that failed or was cancelled. */
export function retryJob(id: string): Promise<Answer<unknown>> {
  return ask(api.POST("/api/v1/jobs/{job_id}/retry", { params: { path: { job_id: id } } }));
}

export function cancelJob(id: string): Promise<Answer<unknown>> {
  return ask(api.POST("/api/v1/jobs/{job_id}/cancel", { params: { path: { job_id: id } } }));
}
