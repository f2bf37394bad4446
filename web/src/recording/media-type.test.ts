import { expect, it } from "vitest";
import { chooseMediaType, extensionOf } from "./media-type";

it.each<[string, string[], string | null]>([
  ["Chromium", ["audio/webm;codecs=opus", "audio/mp4"], "audio/webm;codecs=opus"],
  ["a browser with Ogg alone", ["audio/ogg;codecs=opus"], "audio/ogg;codecs=opus"],
  ["Safari", ["audio/mp4"], "audio/mp4"],
  ["a browser with none of them", [], null],
])("chooses for %s", (_name, supported, chosen) => {
  expect(chooseMediaType((type) => supported.includes(type))).toBe(chosen);
});

it("names files by their type", () => {
  expect(extensionOf("audio/webm;codecs=opus")).toBe("webm");
  expect(extensionOf("audio/mp4")).toBe("m4a");
  expect(extensionOf("audio/strange")).toBe("bin");
});
