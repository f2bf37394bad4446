import type { Progress } from "../api/models";

export interface Follower {
  onProgress(progress: Progress, cancelling: boolean): void;
  onEnd(): void;
  /** The service refuses to tell. */
  onLost(): void;
}

/** Follows what runs on a model until it ends; a connection that breaks is opened again by the browser. */
export function followOperation(name: string, { onProgress, onEnd, onLost }: Follower): () => void {
  const events = new EventSource(`/api/v1/models/${encodeURIComponent(name)}/events`);
  const end = (): void => {
    events.close();
    onEnd();
  };
  events.addEventListener("progress", (event) => {
    const { cancelling, ...progress } = JSON.parse(event.data) as Progress & { cancelling: boolean };
    onProgress(progress, cancelling);
  });
  events.addEventListener("done", end);
  events.addEventListener("idle", end);
  // Two things have this name: the service's event, which has data, and the browser's, when the connection breaks.
  events.addEventListener("error", (event) => {
    if ("data" in event) end();
    else if (events.readyState === EventSource.CLOSED) onLost();
  });
  return () => events.close();
}
