import { describe, expect, it } from "vitest";
import { compare, type Piece, sideBySide, tokens } from "./diff";
import type { Line } from "./types";

const joined = (pieces: readonly Piece[]) => pieces.map(({ text }) => text).join("");
const only = (pieces: readonly Piece[]) => pieces.filter(({ side }) => side !== "both").map(({ text }) => text.trim());
const line = (start: number, end: number, text: string): Line => ({ id: text, start, end, speaker: "", text });

describe("compare", () => {
  it("tells words apart that stand on one side only", () => {
    const { left, right } = compare("I took two tablets at nine.", "I took three tablets at nine.");
    expect([only(left), only(right)]).toEqual([["two"], ["three"]]);
  });

  it("compares Chinese by characters", () => {
    const { left, right } = compare("你好，左小雷老師。", "你好，左小蕾老師。");
    expect([only(left), only(right)]).toEqual([["雷"], ["蕾"]]);
  });

  it("loses nothing of either, whatever they are", () => {
    for (const [a, b] of [
      ["", "x"],
      ["a b", "b a"],
      ["คุณสบายดี", "คุณ ดี"],
      ["é — ok?!", "e"],
    ] as const) {
      const { left, right } = compare(a, b);
      expect([joined(left), joined(right)]).toEqual([a, b]);
    }
  });

  it("is done at once with texts that are very long", () => {
    const long = "word ".repeat(50_000);
    expect(only(compare(long, `${long}x`).left)).toHaveLength(1);
  });
});

it("has tokens that are the text", () => {
  expect(tokens("Mrs Liddy’s 138/85，好 吧").join("")).toBe("Mrs Liddy’s 138/85，好 吧");
});

describe("sideBySide", () => {
  it("puts what is said at the same time into one row", () => {
    const rows = sideBySide(
      [line(0, 2, "Good morning."), line(2, 4, "How are you?"), line(4, 6, "Well.")],
      [line(0, 3.9, "Good morning. How are you?"), line(4, 6, "Well!")],
    );
    expect(rows.map(({ start, same }) => [start, same])).toEqual([
      [0, true],
      [4, false],
    ]);
  });

  it("has a row for what one side lacks", () => {
    const rows = sideBySide([line(0, 2, "a"), line(5, 6, "b")], [line(0, 2, "a")]);
    expect(rows.map((row) => [joined(row.left), joined(row.right)])).toEqual([
      ["a", "a"],
      ["b", ""],
    ]);
    expect(sideBySide([], [])).toEqual([]);
  });

  it("holds every line once and in order", () => {
    const left = Array.from({ length: 50 }, (_, n) => line(n, n + 1, `l${n}`));
    const right = Array.from({ length: 35 }, (_, n) => line(n * 1.4, n * 1.4 + 1.4, `r${n}`));
    const rows = sideBySide(left, right);
    expect(
      rows
        .map((row) => joined(row.left))
        .filter(Boolean)
        .join(" "),
    ).toBe(left.map(({ text }) => text).join(" "));
    expect(
      rows
        .map((row) => joined(row.right))
        .filter(Boolean)
        .join(" "),
    ).toBe(right.map(({ text }) => text).join(" "));
    expect(rows.length).toBeGreaterThan(10);
  });
});
