import { describe, expect, it } from "vitest";
import { countWhile, doubt, textsOf, wordAt } from "./lookup";
import type { Line, Word } from "./types";

function words(...starts: number[]): Word[] {
  return starts.map((start) => ({ word: "x", start, end: start + 0.5, probability: 1 }));
}

describe("countWhile", () => {
  it("finds every boundary", () => {
    for (let length = 0; length < 20; length++) {
      for (let boundary = 0; boundary <= length; boundary++) {
        expect(countWhile(length, (index) => index < boundary)).toBe(boundary);
      }
    }
  });
});

describe("wordAt", () => {
  it("is the word that began last", () => {
    const spoken = words(1, 2, 4);
    expect([0.5, 1, 1.9, 2, 3.9, 4, 99].map((time) => wordAt(spoken, time))).toEqual([-1, 0, 0, 1, 1, 2, 2]);
    expect(wordAt([], 1)).toBe(-1);
  });
});

describe("textsOf", () => {
  const line = (text: string, ...said: string[]): Line => {
    const timed = said.map((word, index) => ({ word, start: index, end: index + 1, probability: 1 }));
    return { id: "a", start: 0, end: 9, speaker: "", text, words: timed };
  };

  it("gives each word the space before it", () => {
    expect(textsOf(line("Good morning, Liddy.", "Good", "morning,", "Liddy."))).toEqual([
      "Good",
      " morning,",
      " Liddy.",
    ]);
    expect(textsOf(line("你好，王 Ann", "你", "好，", "王", "Ann"))).toEqual(["你", "好，", "王", " Ann"]);
  });

  it("loses nothing, whatever the words are", () => {
    for (const each of [line("a b c", "b"), line("no words"), line("x y", "z", "q"), line("aa a", "a", "a", "a")]) {
      expect(textsOf(each).join("")).toBe(each.text);
    }
  });
});

it("tells how sure the model was in three steps", () => {
  const steps = [0, 0.29, 0.3, 0.59, 0.6, 1].map((probability) => doubt({ word: "x", start: 0, end: 1, probability }));
  expect(steps).toEqual(["very-unsure", "very-unsure", "unsure", "unsure", "sure", "sure"]);
});
