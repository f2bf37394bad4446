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
