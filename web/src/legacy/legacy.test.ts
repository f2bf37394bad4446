import { expect, it, vi } from "vitest";
import { keysByName } from "./keys";
import { microphoneOf } from "./microphone";
import { playingTold, scrollByOptions } from "./older-ways";
import { completeRequests } from "./requests";

const key = (keyCode: number, shiftKey = false) => keysByName.call({ keyCode, shiftKey } as KeyboardEvent);

it("knows the keys that the app listens to by their numbers", () => {
  expect([key(27), key(32), key(38), key(46), key(112)]).toEqual(["Escape", " ", "ArrowUp", "Delete", "F1"]);
  expect([key(82), key(82, true), key(191), key(191, true)]).toEqual(["r", "R", "/", "?"]);
});

it("asks for the microphone in the older way, and says where there is none", async () => {
  const stream = {} as MediaStream;
  const browser = { webkitGetUserMedia: (_asked: unknown, done: (one: MediaStream) => void) => done(stream) };
  await expect(microphoneOf(browser as unknown as Navigator)?.({ audio: true })).resolves.toBe(stream);
  expect(microphoneOf({} as Navigator)).toBeUndefined();
});

it("tells that it plays where a browser tells nothing", async () => {
  const media = { play: () => undefined } as unknown as HTMLMediaElement;
  playingTold(media);
  await expect(media.play()).resolves.toBeUndefined();
});

it("scrolls to and by what options say", () => {
  const scrollTo = vi.fn();
  const page = { scrollX: 3, scrollY: 100, scrollTo, scrollBy: vi.fn() } as unknown as Window;
  scrollByOptions(page);
  page.scrollTo({ top: 7, behavior: "smooth" });
  page.scrollBy({ top: -20 });
  page.scrollTo(1, 2);
  expect(scrollTo.mock.calls).toEqual([
    [3, 7],
    [3, 80],
    [1, 2],
  ]);
});

/** A page whose requests are as they were in 2016. */
function olderPage() {
  class Request {
    headers = new Headers();
    constructor(
      readonly input: unknown,
      readonly init: RequestInit,
    ) {}
  }
  const fetch = vi.fn(async (_request: unknown) => new Response());
  const page = { Request, fetch, AbortController };
  completeRequests(page as unknown as typeof globalThis);
  return { page, fetch };
}

it("gives each request a signal and who asks, and tells by a header that nothing shall be kept", () => {
  const { page } = olderPage();
  const { init, headers } = new page.Request("/api/v1/status", { cache: "no-store", method: "PATCH" });
  expect(init).toMatchObject({ method: "PATCH", credentials: "same-origin", signal: { aborted: false } });
  expect(init).not.toHaveProperty("cache");
  expect(headers.get("Cache-Control")).toBe("no-cache");
});

it("ends a request by the signal that is given last", async () => {
  const { page, fetch } = olderPage();
  const { signal } = new AbortController();
  await (page.fetch as typeof globalThis.fetch)(new page.Request("/", {}) as unknown as Request, { signal });
  expect(fetch).toHaveBeenCalledOnce();
  expect(fetch.mock.calls[0]?.[0]).toHaveProperty("init.signal", signal);
});
