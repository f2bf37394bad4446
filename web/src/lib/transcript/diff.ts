import type { Line } from "./types";

export type Side = "both" | "left" | "right";

/** A stretch of text that stands on one side or on both. */
export interface Piece {
  text: string;
  side: Side;
}

/** What two versions say in the same stretch of time. */
export interface Row {
  start: number;
  left: Piece[];
  right: Piece[];
  same: boolean;
}

const MOST_COMPARED = 400;
const TOKEN = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Thai}|[\p{L}\p{N}\p{M}'’]+|\s+|./gu;

/** Words; in scripts without spaces, characters. Joined they are the text. */
export function tokens(text: string): string[] {
  return text.match(TOKEN) ?? [];
}

/** The longest common subsequence of two texts by words, as pieces of each. Longer ones than 400 words count as new. */
export function compare(left: string, right: string): { left: Piece[]; right: Piece[] } {
  const [a, b] = [tokens(left), tokens(right)];
  const common = a.length > MOST_COMPARED || b.length > MOST_COMPARED ? [] : commonPairs(a, b);
  return {
    left: toPieces(a, new Set(common.map(([i]) => i)), "left"),
    right: toPieces(b, new Set(common.map(([, j]) => j)), "right"),
  };
}

function commonPairs(a: readonly string[], b: readonly string[]): [number, number][] {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs: [number, number][] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}

function toPieces(words: readonly string[], common: ReadonlySet<number>, side: Side): Piece[] {
  const pieces: Piece[] = [];
  words.forEach((text, index) => {
    const its = common.has(index) ? "both" : side;
    const last = pieces[pieces.length - 1];
    if (last?.side === its) last.text += text;
    else pieces.push({ text, side: its });
  });
  return pieces;
}

/** Two versions side by side: lines that overlap in time stand in one row, and what differs in it is told apart. */
export function sideBySide(left: readonly Line[], right: readonly Line[]): Row[] {
  const rows: Row[] = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    const [toI, toJ] = rowEnd(left, right, i, j);
    rows.push(rowOf(left.slice(i, toI), right.slice(j, toJ)));
    [i, j] = [toI, toJ];
  }
  return rows;
}

/** Where the row ends that begins with these lines: it takes what begins before what it has is over, by its middle. */
function rowEnd(left: readonly Line[], right: readonly Line[], i: number, j: number): [number, number] {
  let [toI, toJ] = [i, j];
  let end = Number.NEGATIVE_INFINITY;
  const middle = (line: Line | undefined): number => (line ? (line.start + line.end) / 2 : Number.POSITIVE_INFINITY);
  for (;;) {
    const [a, b] = [left[toI], right[toJ]];
    const first = middle(a) <= middle(b) ? a : b;
    if (!first || (end !== Number.NEGATIVE_INFINITY && middle(first) >= end)) return [toI, toJ];
    if (first === a) toI++;
    else toJ++;
    end = Math.max(end, first.end);
  }
}

function rowOf(left: readonly Line[], right: readonly Line[]): Row {
  const [a, b] = [textOf(left), textOf(right)];
  const start = Math.min(...[...left, ...right].map((line) => line.start));
  if (a === b) return { start, left: whole(a), right: whole(b), same: true };
  return { start, ...compare(a, b), same: false };
}

function whole(text: string): Piece[] {
  return [{ text, side: "both" }];
}

function textOf(lines: readonly Line[]): string {
  return lines.map((line) => line.text).join(" ");
}
