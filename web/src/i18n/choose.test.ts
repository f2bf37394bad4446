import { expect, it } from "vitest";
import { chooseLocale } from "./choose";

it.each([
  [null, ["zh-TW", "en"], "zh-TW"],
  [null, ["zh-Hant-TW"], "zh-TW"],
  [null, ["en-GB", "zh-TW"], "en"],
  [null, ["vi", "en-US"], "vi"],
  [null, ["ko", "tl-PH"], "fil"],
  [null, ["id-ID"], "id"],
  [null, ["ko"], "zh-TW"],
  [null, [], "zh-TW"],
  ["en", ["zh-TW"], "en"],
  ["klingon", ["en"], "en"],
])("with %j saved and %j preferred chooses %s", (saved, preferred, chosen) => {
  expect(chooseLocale(saved, preferred)).toBe(chosen);
});
