/** What the service worker answers by itself: the app, and nothing that the service knows of recordings. */

const PREFIX = "shell-";
const PAGES = /^\/(?:|library|library\/trash|recordings\/[^/]+|models|settings|help)$/;

export interface Asked {
  method: string;
  mode: string;
  url: string;
}

export function cacheName(version: string): string {
  return PREFIX + version;
}

/** Where the answer comes from: the page or a file that this version keeps, a file of any version, or the network. */
export function sourceOf({ method, mode, url }: Asked, origin: string, files: readonly string[]) {
  const { origin: asked, pathname } = new URL(url);
  if (method !== "GET" || asked !== origin) return "network";
  if (mode === "navigate") return PAGES.test(pathname) ? "page" : "network";
  if (pathname.startsWith("/assets/")) return "any";
  return files.includes(pathname) ? "file" : "network";
}

/**
 * Caches that can go once `current` is in use. The one before it stays: pages of that version may be open, and ask for
 * files that the service does not have any more.
 */
export function outdated(names: readonly string[], current: string): string[] {
  const ours = names.filter((name) => name.startsWith(PREFIX) && name !== current);
  return ours.slice(0, -1);
}
