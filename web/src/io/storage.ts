const PREFIX = "care-voice.";

/** Storage can be refused (private windows, policies); the page then simply forgets. */
export function load(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export function save(key: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // As above.
  }
}

const YEAR_S = 31_536_000;

/** Lets the service know it before the app is there. */
export function tell(key: string, value: string): void {
  try {
    // biome-ignore lint/suspicious/noDocumentCookie: many browsers have no other way yet.
    document.cookie = `${PREFIX}${key}=${value}; path=/; max-age=${YEAR_S}; samesite=lax`;
  } catch {
    // Refused as well.
  }
}
