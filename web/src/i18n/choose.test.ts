import { expect, it } from "vitest";
import { chooseLocale } from "./choose";
import { en } from "./en";
import { zhTW } from "./zh-tw";

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

/** A name, and what stands on keys. */
const SAME_IN_ALL = /^\.app\.name$|^\.help\.keys\..*\.key$/;

function leaves(value: unknown, path = ""): [string, unknown][] {
  if (typeof value !== "object" || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([key, child]) => leaves(child, `${path}.${key}`));
}

it("has a text in every place, and Chinese that is Chinese", () => {
  for (const [path, text] of [...leaves(en), ...leaves(zhTW)]) expect(text, path).not.toBe("");
  for (const [path, text] of leaves(zhTW)) {
    if (SAME_IN_ALL.test(path)) continue;
    const sample = typeof text === "function" ? text("1", "2") : text;
    expect(sample, path).toMatch(/[\u4e00-\u9fff]|／/);
  }
});
