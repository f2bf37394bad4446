type Page = Pick<typeof globalThis, "Request" | "fetch" | "AbortController">;

/**
 * Requests as newer browsers make them. Until Chrome 66 and Firefox 57 they have no signal, and until Chrome 72 they carry
 * nothing by which the service knows its user. What shall not be kept is told by a header where there is no `cache`: the
 * library that stands in for `fetch` would write the time into the address, which the service refuses.
 */
export function completeRequests(page: Page): void {
  const Older = page.Request;
  const fetch = page.fetch.bind(page);
  const caches = "cache" in Older.prototype;

  function Request(input: string | Request, { cache, signal, ...init }: RequestInit = {}): Request {
    const made = new Older(input, {
      credentials: "same-origin",
      ...init,
      ...(cache && caches ? { cache } : {}),
      signal: signal ?? (typeof input === "string" ? null : input.signal) ?? new page.AbortController().signal,
    });
    if (cache && !caches) made.headers.set("Cache-Control", "no-cache");
    return made;
  }
  Request.prototype = Older.prototype;

  page.Request = Request as unknown as typeof Older;
  page.fetch = (input, init) => fetch(Request(input as string | Request, init));
}
