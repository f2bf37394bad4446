import createClient from "openapi-fetch";
import { localProblem, problemOf } from "../lib/problem";
import type { Problem } from "../lib/types";
import type { components, paths } from "./schema";

/** A named shape of the API: `Shape<"Recording">`. */
export type Shape<Name extends keyof components["schemas"]> = components["schemas"][Name];

export type Answer<T> = { ok: true; value: T } | { ok: false; problem: Problem };

const DEADLINE_MS = 15_000;

/** The API, with the types of its description: `ask(api.GET("/api/v1/tags"))`. */
export const api = createClient<paths>({ baseUrl: location.origin, cache: "no-store", fetch: withDeadline });

/** What came of a request: its value, or the problem by its code. Never rejects. */
export async function ask<T>(request: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<Answer<T>> {
  try {
    const { data, error, response } = await request;
    if (!response.ok) return { ok: false, problem: problemOf(response.status, error) };
    return { ok: true, value: data as T };
  } catch (error) {
    return { ok: false, problem: localProblem(error instanceof SyntaxError ? "bad_answer" : "network") };
  }
}

/** A service that does not answer is one that cannot be reached. */
async function withDeadline(request: Request): Promise<Response> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  const deadline = setTimeout(stop, DEADLINE_MS);
  request.signal.addEventListener("abort", stop);
  try {
    return await fetch(request, { signal: abort.signal });
  } finally {
    clearTimeout(deadline);
  }
}
