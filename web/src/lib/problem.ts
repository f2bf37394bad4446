import type { Texts } from "../i18n/en";
import type { Problem } from "./types";

/** Problems that arise in the page itself, beside those the server names. */
export type LocalProblem =
  | "network"
  | "connection_lost"
  | "bad_answer"
  | "body_too_large"
  | "empty_file"
  | "bytes_missing"
  | "page_failed";

export function localProblem(code: LocalProblem): Problem {
  return { code, detail: "" };
}

/** Whether the page has words of its own for a code. */
export function isKnownProblem(texts: Texts, code: string): boolean {
  return Object.keys(texts.problems).includes(code);
}

/** The problem in the user's language; one that the page does not know by its code keeps the server's words. */
export function problemText(texts: Texts, code: string, fallback: string): string {
  const known = new Map(Object.entries(texts.problems));
  return known.get(code) ?? (fallback || texts.problems.internal_error);
}

/** Reads the body of a refused request. Proxies in front of the service answer with pages of their own. */
export function parseProblem(status: number, body: string): Problem {
  try {
    return problemOf(status, JSON.parse(body));
  } catch {
    return problemOf(status, null);
  }
}

/** What a refused request was answered: the problem in its body, else what the status alone says. */
export function problemOf(status: number, body: unknown): Problem {
  const problem = (typeof body === "object" ? body : null) as Partial<Problem> | null;
  if (typeof problem?.code === "string")
    return { ...problem, code: problem.code, detail: String(problem.detail ?? "") };
  if (status === 413) return localProblem("body_too_large");
  return localProblem(status >= 502 && status <= 504 ? "network" : "bad_answer");
}
