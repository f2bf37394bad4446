import { expect, it } from "vitest";
import { pluralIn } from "./plural";

const FILES = { one: "# file", other: "# files" };

it.each([
  ["en", 1, "1 file"],
  ["en", 0, "0 files"],
  ["en", 1200, "1,200 files"],
  ["ja", 1, "1 files"],
] as const)("in %s %d is %s", (locale, count, text) => {
  expect(pluralIn(locale)(count, FILES)).toBe(text);
});
