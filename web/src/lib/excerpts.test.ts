import { expect, it } from "vitest";
import { pieces } from "./excerpts";

const shown = (text: string, ranges: number[][]): string =>
  pieces(text, ranges)
    .map((piece) => (piece.marked ? `[${piece.text}]` : piece.text))
    .join("");

it.each([
  ["今天天氣很好。", [[2, 4]], "今天[天氣]很好。"],
  [
    "care and care",
    [
      [0, 4],
      [9, 13],
    ],
    "[care] and [care]",
  ],
  ["𠮷野家 👩‍⚕️ nurse", [[0, 1]], "[𠮷]野家 👩‍⚕️ nurse"],
  ["nothing", [], "nothing"],
  ["short", [[3, 99]], "sho[rt]"],
  [
    "over",
    [
      [0, 3],
      [1, 2],
    ],
    "[ove]r",
  ],
  ["", [], ""],
])("marks in %j", (text, ranges, expected) => {
  expect(shown(text, ranges)).toBe(expected);
});
