import { expect, it, vi } from "vitest";
import { keysByName } from "./keys";
import { microphoneOf } from "./microphone";
import { playingTold, scrollByOptions } from "./older-ways";

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
