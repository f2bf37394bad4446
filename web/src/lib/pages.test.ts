import { expect, it } from "vitest";
import { recordingPath, redirected } from "./pages";

it.each([
  ["#/models", "/models"],
  ["#models", "/models"],
  ["#/", "/"],
  ["#transcript", null],
  ["", null],
])("%j leads to %j", (hash, address) => {
  expect(redirected(hash)).toBe(address);
});

it("names a recording by its id", () => {
  expect(recordingPath("a/b")).toBe("/recordings/a%2Fb");
});

it("names a place in a recording", () => {
  expect(recordingPath("a", 12.30049)).toBe("/recordings/a?t=12.3");
  expect(recordingPath("a", 0)).toBe("/recordings/a?t=0");
});
