/** The addresses of the app's pages; the server answers each with the app (`PAGES` in api/static.py). */
export const PATHS = {
  record: "/",
  library: "/library",
  trash: "/library/trash",
  recording: "/recordings/:id",
  models: "/models",
  settings: "/settings",
  help: "/help",
} as const;

/** Where one recording is shown; with a place in seconds, at what is said there. */
export function recordingPath(id: string, atS?: number): string {
  const path = PATHS.recording.replace(":id", encodeURIComponent(id));
  return atS === undefined ? path : `${path}?t=${Math.round(atS * 1000) / 1000}`;
}

/** What a hash of before pages had addresses leads to now; null for one that is only a place in a page. */
export function redirected(hash: string): string | null {
  if (hash === "#/models" || hash === "#models") return PATHS.models;
  return hash === "#/" ? PATHS.record : null;
}
