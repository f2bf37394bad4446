import type { Slots } from "./slots";

export interface Query {
  text: string;
  matchCase: boolean;
}

/** A place where the query stands: in characters (UTF-16) of the line's text. */
export interface Match {
  line: number;
  from: number;
  to: number;
}

/** Where a query stands in a text, from left to right and without overlaps. */
export function rangesIn(text: string, { text: wanted, matchCase }: Query): [number, number][] {
  if (!wanted) return [];
  const pattern = new RegExp(escaped(wanted), matchCase ? "gu" : "giu");
  return [...text.matchAll(pattern)].map((match) => [match.index, match.index + match[0].length]);
}

/** Where a query stands in all lines that have been read. */
export function findAll(slots: Slots, query: Query): Match[] {
  return slots.flatMap((line, index) =>
    line ? rangesIn(line.text, query).map(([from, to]) => ({ line: index, from, to })) : [],
  );
}

/** The next match behind a place, from the beginning again behind the last; -1 where there is none. */
export function nextMatch(matches: readonly Match[], line: number, at: number): number {
  const next = matches.findIndex((match) => match.line > line || (match.line === line && match.from >= at));
  return next < 0 && matches.length > 0 ? 0 : next;
}

/** One occurrence replaced. */
export function replaced(text: string, { from, to }: Pick<Match, "from" | "to">, by: string): string {
  return text.slice(0, from) + by + text.slice(to);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
