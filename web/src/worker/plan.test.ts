import { expect, it } from "vitest";
import { PATHS, recordingPath } from "../lib/pages";
import { cacheName, outdated, sourceOf } from "./plan";

const HERE = "https://care.test";
const FILES = ["/", "/theme.js", "/assets/index-1.js"];

function source(path: string, about: Partial<{ method: string; mode: string }> = {}): string {
  return sourceOf({ method: "GET", mode: "cors", url: new URL(path, HERE).href, ...about }, HERE, FILES);
}

it("answers every page of the app with the page it keeps", () => {
  const paths = Object.values(PATHS).map((path) => path.replace(":id", "rec_1"));
  for (const path of [...paths, `${recordingPath("rec_1", 3)}`, "/library?q=x"])
    expect(source(path, { mode: "navigate" }), path).toBe("page");
});

it.each(["/docs", "/form", "/openapi.json", "/api/v1/recordings/x/audio", "/no/such/page"])(
  "leaves %s to the service, also as a page",
  (path) => {
    expect(source(path, { mode: "navigate" })).toBe("network");
    expect(source(path)).toBe("network");
  },
);

it.each(["/api/v1/recordings", "/v1/audio/transcriptions", "/api/v1/recordings/x/playback", "/health/ready"])(
  "never keeps %s",
  (path) => {
    expect(source(path)).toBe("network");
    expect(source(path, { method: "POST" })).toBe("network");
  },
);

it("keeps the files of the app, also those of the version before", () => {
  expect(source("/theme.js")).toBe("file");
  expect(source("/assets/page-0.js")).toBe("any");
  expect(source("https://elsewhere.test/assets/page-0.js")).toBe("network");
});

it("drops all caches but those of this version and the one before it", () => {
  const names = [cacheName("1"), cacheName("2"), "others", cacheName("3"), cacheName("4")];
  expect(outdated(names, cacheName("4"))).toEqual([cacheName("1"), cacheName("2")]);
  expect(outdated([cacheName("1"), cacheName("2")], cacheName("2"))).toEqual([]);
  expect(outdated([cacheName("1")], cacheName("1"))).toEqual([]);
});
