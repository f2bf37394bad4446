import { describe, expect, it } from "vitest";
import { findAll, nextMatch, rangesIn, replaced } from "./find";
import type { Line } from "./types";

const query = (text: string, matchCase = false) => ({ text, matchCase });
const line = (text: string): Line => ({ id: text, start: 0, end: 1, speaker: "", text });

describe("rangesIn", () => {
  it("takes signs as what they are", () => {
    expect(rangesIn("a.b a-b (a/b) [x] $5", query("."))).toEqual([[1, 2]]);
    expect(rangesIn("a-b (a/b) [x]", query("(a/b) [x]"))).toEqual([[4, 13]]);
    expect(rangesIn("price $5 \\ *", query("$5 \\ *"))).toEqual([[6, 12]]);
  });

  it("minds case where that is asked for", () => {
    expect(rangesIn("Lady lady", query("lady"))).toHaveLength(2);
    expect(rangesIn("Lady lady", query("lady", true))).toEqual([[5, 9]]);
  });

  it("finds Chinese, without overlaps, and nothing for nothing", () => {
    expect(rangesIn("好好好", query("好好"))).toEqual([[0, 2]]);
    expect(rangesIn("abc", query(""))).toEqual([]);
  });
});

describe("findAll and nextMatch", () => {
  const matches = findAll([line("um, um"), undefined, line("yes um")], query("um"));

  it("go through the lines that have been read", () => {
    expect(matches).toEqual([
      { line: 0, from: 0, to: 2 },
      { line: 0, from: 4, to: 6 },
      { line: 2, from: 4, to: 6 },
    ]);
  });

  it("go on behind a place, and begin again", () => {
    expect([nextMatch(matches, 0, 1), nextMatch(matches, 1, 0), nextMatch(matches, 2, 5)]).toEqual([1, 2, 0]);
    expect(nextMatch([], 0, 0)).toBe(-1);
  });
});

it("replaces one occurrence", () => {
  expect(replaced("Miss Lady and Lady", { from: 5, to: 9 }, "Liddy")).toBe("Miss Liddy and Lady");
});
