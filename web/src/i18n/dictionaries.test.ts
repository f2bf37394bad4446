import { describe, expect, it } from "vitest";
import { LOCALES, type Locale } from "./choose";
import { loadTexts } from "./dictionaries";

type Leaf = string | ((...args: string[]) => string);

/** What tells the languages with a script of their own; the others must only differ from English. */
const LETTERS: Partial<Record<Locale, RegExp>> = {
  "zh-TW": /[\u4e00-\u9fff]|／/,
  ja: /[\u3040-\u30ff\u4e00-\u9fff]|／/,
  th: /[\u0e00-\u0e7f]/,
};
/** A name, and what stands on keys. */
const SAME_IN_ALL = /^\.app\.name$|^\.help\.keys\..*\.key$/;
/** Words that were borrowed from English, or look like it. */
const BORROWED = new Set(["Audio", "Disk", "Format", "Model", "Record", "Contrast", "Keyboard", "Player", "Recording"])
  .add("Tag")
  .add("model ‹0›")
  .add("folder")
  .add("# recording");

function leaves(value: unknown, path = ""): [string, Leaf][] {
  if (typeof value !== "object" || value === null) return [[path, value as Leaf]];
  return Object.entries(value).flatMap(([key, child]) => leaves(child, `${path}.${key}`));
}

/** The text with marks in the places of what it is told. */
function filled(text: Leaf): string {
  return typeof text === "string" ? text : text(...placeholders(text));
}

function placeholders(text: Leaf): string[] {
  return typeof text === "string" ? [] : Array.from({ length: text.length }, (_, index) => `‹${index}›`);
}

function marks(text: Leaf): string[] {
  return (filled(text).match(/‹\d›|#/g) ?? []).sort();
}

const english = new Map(leaves(await loadTexts("en")));

describe.each(LOCALES)("in %s", async (locale) => {
  const texts = leaves(await loadTexts(locale));

  it("has a text in every place, with no space around it", () => {
    const bad = texts.filter(([, text]) => filled(text).trim() !== filled(text) || filled(text) === "");
    expect(bad.map(([path]) => path)).toEqual([]);
  });

  it.runIf(locale !== "en")("has no text of another language", () => {
    const letters = LETTERS[locale];
    const foreign = texts.filter(([path, text]) => {
      const shown = filled(text);
      if (SAME_IN_ALL.test(path) || !/\p{L}/u.test(shown)) return false;
      return letters ? !letters.test(shown) : shown === filled(english.get(path) ?? "") && !BORROWED.has(shown);
    });
    expect(foreign.map(([path, text]) => `${path}: ${filled(text)}`)).toEqual([]);
  });

  it("has every part that the English text has", () => {
    for (const [path, text] of texts) {
      const like = english.get(path) ?? english.get(path.replace(/[^.]+$/, "other")) ?? "";
      expect(marks(text), path).toEqual(marks(like));
    }
  });

  it("has the plural forms of its language, and no others", () => {
    const wanted = new Intl.PluralRules(locale).resolvedOptions().pluralCategories;
    const things = texts.filter(([path]) => path.endsWith(".other")).map(([path]) => path.slice(0, -".other".length));
    expect(things.length).toBeGreaterThan(5);
    for (const thing of things) {
      const forms = texts
        .filter(([path]) => path.startsWith(`${thing}.`))
        .map(([path]) => path.slice(thing.length + 1));
      expect(forms.sort(), thing).toEqual([...wanted].sort());
    }
  });
});
