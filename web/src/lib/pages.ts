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

/** Where one recording is shown. */
export function recordingPath(id: string): string {
  return PATHS.recording.replace(":id", encodeURIComponent(id));
}

/** What a hash of before pages had addresses leads to now; null for one that is only a place in a page. */
export function redirected(hash: string): string | null {
  if (hash === "#/models" || hash === "#models") return PATHS.models;
  return hash === "#/" ? PATHS.record : null;
}
