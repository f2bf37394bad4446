import type { Slots } from "./slots";

/** So many looks are told apart: by colour and by the letter beside it. */
export const LOOKS = 8;

/** Everyone who is named in what has been read, in the order of their first words. */
export function speakersOf(slots: Slots): string[] {
  return [...new Set(slots.flatMap((line) => line?.speaker || []))];
}

/** A look for each name, which stays when others come: those that are known keep theirs. */
export function withLooks(known: ReadonlyMap<string, number>, names: readonly string[]): ReadonlyMap<string, number> {
  const fresh = names.filter((name) => !known.has(name));
  if (fresh.length === 0) return known;
  return new Map([...known, ...fresh.map((name, index) => [name, (known.size + index) % LOOKS] as const)]);
}

/** What stands in a speaker's mark: the number at the end ("Speaker 2"), else the first letters of one or two words. */
export function initials(name: string): string {
  const number = /\d{1,2}$/.exec(name)?.[0];
  if (number) return number;
  const words = name.split(/\s+/u).filter(Boolean);
  const ends = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return ends.map((word) => [...(word ?? "")][0]?.toLocaleUpperCase() ?? "").join("");
}
