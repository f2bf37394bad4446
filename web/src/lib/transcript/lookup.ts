import type { Line, Word } from "./types";

/** How many of the first items fulfil what all items up to some place do, and none behind it. */
export function countWhile(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The word that is heard at this time, or was heard last in its line; -1 before the first. */
export function wordAt(words: readonly Word[], time: number): number {
  return countWhile(words.length, (index) => (words[index]?.start ?? 0) <= time) - 1;
}

/** A line without times of words is one word. */
export function wordsOf({ words, text, start, end }: Line): readonly Word[] {
  return words && words.length > 0 ? words : [{ word: text, start, end, probability: 1 }];
}

/** The text of each word as it stands in its line, with the space before it; joined they are the text. */
export function textsOf(line: Line): string[] {
  const words = wordsOf(line);
  let from = 0;
  return words.map(({ word }, index) => {
    const found = line.text.indexOf(word.trim(), from);
    const to = index === words.length - 1 ? line.text.length : Math.max(from, found + word.trim().length);
    const text = line.text.slice(from, to);
    from = to;
    return text;
  });
}

/** How sure the model was of a word, in steps that can be told apart. */
export type Doubt = "sure" | "unsure" | "very-unsure";
const UNSURE_BELOW = 0.6;
const VERY_UNSURE_BELOW = 0.3;

export function doubt({ probability }: Word): Doubt {
  if (probability < VERY_UNSURE_BELOW) return "very-unsure";
  return probability < UNSURE_BELOW ? "unsure" : "sure";
}
