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

/** What stands in a speaker's mark: the first letter, or the number at the end where there is one ("Speaker 2"). */
export function initial(name: string): string {
  return /\d{1,2}$/.exec(name)?.[0] ?? [...name][0]?.toLocaleUpperCase() ?? "";
}
