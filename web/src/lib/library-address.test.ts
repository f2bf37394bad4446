import { describe, expect, it } from "vitest";
import { EVERYTHING, filtersOf, isNarrowed, orderOf, readAddress, writeAddress } from "./library-address";

const FULL = "?q=%E8%A1%80%E5%A3%93&state=ready&language=zh&from=2026-11-01&to=2026-11-24&order=oldest&tag=a+b&tag=c";

describe("the address", () => {
  it("is read and written back the same", () => {
    const wanted = readAddress(FULL);
    expect(wanted).toEqual({
      q: "血壓",
      tags: ["a b", "c"],
      state: "ready",
      language: "zh",
      from: "2026-11-01",
      to: "2026-11-24",
      order: "oldest",
    });
    expect(writeAddress(wanted)).toBe(FULL);
  });

  it("says nothing where everything is asked for", () => {
    expect(readAddress("")).toEqual(EVERYTHING);
    expect(writeAddress(EVERYTHING)).toBe("");
  });

  it.each(["?state=lost", "?order=sideways", "?from=yesterday", "?to=2026-13-45", "?tag="])(
    "leaves out what is wrong: %s",
    (search) => {
      expect(readAddress(search)).toEqual(EVERYTHING);
    },
  );
});

describe("the order", () => {
  it("is the best first where something is searched for, unless another is chosen", () => {
    expect(orderOf({ ...EVERYTHING, q: "x" })).toBe("relevance");
    expect(orderOf({ ...EVERYTHING, q: "x", order: "newest" })).toBe("newest");
  });

  it("is never relevance without a query", () => {
    expect(orderOf({ ...EVERYTHING, order: "relevance", q: " " })).toBe("newest");
  });
});

describe("the filters of the API", () => {
  it("have the moments at which the reader's days begin and end", () => {
    const { from, to } = filtersOf({ ...EVERYTHING, from: "2026-11-24", to: "2026-11-30" });
    expect(from).toBe(new Date(2026, 10, 24).toISOString());
    expect(to).toBe(new Date(2026, 11, 1).toISOString());
  });

  it.each([
    ["ready", { has_transcript: true }],
    ["untranscribed", { state: "complete", has_transcript: false }],
    ["receiving", { state: "receiving" }],
    ["held", { legal_hold: true }],
    ["", {}],
  ] as const)("say what %j means", (state, expected) => {
    expect(filtersOf({ ...EVERYTHING, state })).toEqual({ order: "newest", ...expected });
  });

  it("leave out a query of spaces", () => {
    expect(filtersOf({ ...EVERYTHING, q: "  " })).toEqual({ order: "newest" });
  });
});

it("tells whether some are left out", () => {
  expect(isNarrowed({ ...EVERYTHING, order: "title" })).toBe(false);
  expect(isNarrowed({ ...EVERYTHING, tags: ["a"] })).toBe(true);
});
