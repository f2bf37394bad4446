import type { Line } from "./types";

/** Lines by their place in the transcript, with holes where they have not been read yet. */
export type Slots = readonly (Line | undefined)[];

/** What an edit changed, as the API tells it: lines that are new or different, and the ids of those that are gone. */
export interface Change {
  changed: readonly Line[];
  removed: readonly string[];
}

/** As many holes as there are lines. */
export function emptySlots(count: number): Slots {
  return Array.from({ length: count }, () => undefined);
}

export function withPage(slots: Slots, from: number, lines: readonly Line[]): Slots {
  const result = [...slots];
  result.splice(from, lines.length, ...lines);
  return result;
}

/**
 * The lines after an edit; null where that cannot be known without asking again: when it concerns a line that has not
 * been read, or brings one whose place is unknown. A new line behind a changed one, as a split makes it, has a place.
 */
export function withChange(slots: Slots, { changed, removed }: Change): Slots | null {
  const placeOf = new Map(slots.flatMap((line, index) => (line ? [[line.id, index] as const] : [])));
  if (removed.some((id) => !placeOf.has(id))) return null;
  const replaced = new Map<string, Line>();
  const behind = new Map<string, Line[]>();
  let anchor: string | null = null;
  for (const line of changed) {
    if (placeOf.has(line.id)) {
      replaced.set(line.id, line);
      anchor = line.id;
    } else if (anchor !== null && follows(replaced.get(anchor), line)) {
      behind.set(anchor, [...(behind.get(anchor) ?? []), line]);
    } else return null;
  }
  const gone = new Set(removed);
  return slots.flatMap((line) => {
    if (!line) return [undefined];
    if (gone.has(line.id)) return [];
    return [replaced.get(line.id) ?? line, ...(behind.get(line.id) ?? [])];
  });
}

/** Whether a line was cut from the end of another. */
function follows(first: Line | undefined, second: Line): boolean {
  return first !== undefined && Math.abs(second.start - first.end) < 0.001;
}

/** Where reading has to begin to fill the holes between two places: the first hole, or null where there is none. */
export function firstHole(slots: Slots, from: number, to: number): number | null {
  for (let index = Math.max(0, from); index < Math.min(to, slots.length); index++) {
    if (!slots[index]) return index;
  }
  return null;
}

export type Located = { kind: "line"; index: number } | { kind: "unread"; index: number } | { kind: "none" };

/**
 * The line that is heard at a time or was heard last: its place, or a place that has to be read to know it.
 *
 * Interpolation search over what has been read: speech is even enough that two or three pages find any time.
 */
export function lineAt(slots: Slots, time: number, duration: number): Located {
  let low = -1;
  let high = slots.length;
  let lowTime = 0;
  let highTime = Math.max(duration, time);
  while (high - low > 1) {
    const share = (time - lowTime) / Math.max(highTime - lowTime, 0.001);
    const guess = Math.min(high - 1, Math.max(low + 1, low + Math.round(share * (high - low))));
    const known = nearestRead(slots, guess, low, high);
    if (known === null) return { kind: "unread", index: guess };
    const start = slots[known]?.start ?? 0;
    if (start <= time) [low, lowTime] = [known, start];
    else [high, highTime] = [known, start];
  }
  return low < 0 ? { kind: "none" } : { kind: "line", index: low };
}

/** The read line nearest to a guess, strictly between two places; null where none is there. */
function nearestRead(slots: Slots, guess: number, low: number, high: number): number | null {
  for (let away = 0; guess - away > low || guess + away < high; away++) {
    if (guess - away > low && slots[guess - away]) return guess - away;
    if (guess + away < high && slots[guess + away]) return guess + away;
  }
  return null;
}
