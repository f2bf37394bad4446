import { expect, it } from "vitest";
import { languageChoices, languageNamer } from "./languages";

const OFFERED = [
  { code: "de", name: "german" },
  { code: "th", name: "thai" },
  { code: "zh", name: "chinese" },
  { code: "af", name: "afrikaans" },
];

it("puts what is spoken in Taiwan first, and sorts the others by name", () => {
  const { common, others } = languageChoices(OFFERED, "en");
  expect(common).toEqual([
    { code: "zh", label: "Chinese" },
    { code: "th", label: "Thai" },
  ]);
  expect(others.map(({ label }) => label)).toEqual(["Afrikaans", "German"]);
});

it("names languages in the language of the page", () => {
  expect(languageChoices(OFFERED, "zh-TW").common.map(({ label }) => label)).toEqual(["中文", "泰文"]);
});

it("falls back to the server's name", () => {
  expect(languageNamer("en")("xx", "klingon")).toBe("Klingon");
  expect(languageNamer("en")("not a code", "klingon")).toBe("Klingon");
});
