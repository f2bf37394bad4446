import type { ServiceStatus } from "../lib/types";

const ADDRESS = "/api/v1/status";
const DEADLINE_MS = 8000;

/** Null when the service does not answer, or when something else answers in its place. */
export async function fetchStatus(): Promise<ServiceStatus | null> {
  const abort = new AbortController();
  const deadline = setTimeout(() => abort.abort(), DEADLINE_MS);
  try {
    const response = await fetch(ADDRESS, { cache: "no-store", signal: abort.signal });
    const status = (await response.json()) as Partial<ServiceStatus> | null;
    return typeof status?.ready === "boolean" ? (status as ServiceStatus) : null;
  } catch {
    return null;
  } finally {
    clearTimeout(deadline);
  }
}
