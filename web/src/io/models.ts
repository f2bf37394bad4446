import type { ModelList, Operation, Progress } from "../lib/models";
import { localProblem, parseProblem } from "../lib/problem";
import type { Problem } from "../lib/types";

const ADDRESS = "/api/v1/models";
const DEADLINE_MS = 15_000;

export type Answer<T> = { ok: true; value: T } | { ok: false; problem: Problem };

export function fetchModels(): Promise<Answer<ModelList>> {
  return ask<ModelList>("GET", ADDRESS);
}

export function startOperation(name: string, kind: Operation["kind"]): Promise<Answer<Operation>> {
  return ask<Operation>("POST", `${addressOf(name)}/${kind}`);
}

export function cancelOperation(name: string): Promise<Answer<null>> {
  return ask<null>("DELETE", `${addressOf(name)}/operation`);
}

export function removeModel(name: string): Promise<Answer<null>> {
  return ask<null>("DELETE", addressOf(name));
}

export interface Follower {
  onProgress(progress: Progress, cancelling: boolean): void;
  onEnd(): void;
  /** The service refuses to tell. */
  onLost(): void;
}

/** Follows what runs on a model until it ends; a connection that breaks is opened again by the browser. */
export function followOperation(name: string, { onProgress, onEnd, onLost }: Follower): () => void {
  const events = new EventSource(`${addressOf(name)}/events`);
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

function addressOf(name: string): string {
  return `${ADDRESS}/${encodeURIComponent(name)}`;
}

async function ask<T>(method: string, address: string): Promise<Answer<T>> {
  const abort = new AbortController();
  const deadline = setTimeout(() => abort.abort(), DEADLINE_MS);
  try {
    const response = await fetch(address, { method, cache: "no-store", signal: abort.signal });
    const body = await response.text();
    if (!response.ok) return { ok: false, problem: parseProblem(response.status, body) };
    return { ok: true, value: (body ? JSON.parse(body) : null) as T };
  } catch (error) {
    return { ok: false, problem: localProblem(error instanceof SyntaxError ? "bad_answer" : "network") };
  } finally {
    clearTimeout(deadline);
  }
}
