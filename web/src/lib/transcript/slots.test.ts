import { describe, expect, it } from "vitest";
import { emptySlots, firstHole, lineAt, type Slots, withChange, withPage } from "./slots";
import type { Line } from "./types";

function line(id: string, start = 0, end = start + 1, text = id): Line {
  return { id, start, end, speaker: "", text };
}

const THREE: Slots = [line("a", 0), line("b", 1), line("c", 2)];

describe("withChange", () => {
  const ids = (slots: Slots | null) => slots?.map((each) => each?.id);

  it("puts a changed line in its place", () => {
    const next = withChange(THREE, { changed: [line("b", 1, 2, "B")], removed: [] });
    expect(next?.[1]?.text).toBe("B");
    expect(ids(next)).toEqual(["a", "b", "c"]);
  });

  it("puts the second half of a line behind the first", () => {
    const changed = [line("b", 1, 1.4), line("n", 1.4, 2)];
    expect(ids(withChange(THREE, { changed, removed: [] }))).toEqual(["a", "b", "n", "c"]);
  });

  it("takes away what was joined with another", () => {
    expect(ids(withChange(THREE, { changed: [line("a", 0, 2)], removed: ["b"] }))).toEqual(["a", "c"]);
  });

  it("keeps holes where they are", () => {
    const slots = withPage(emptySlots(4), 2, [line("c", 2), line("d", 3)]);
    expect(ids(withChange(slots, { changed: [], removed: ["c"] }))).toEqual([undefined, undefined, "d"]);
  });

  it("does not guess", () => {
    expect(withChange(THREE, { changed: [], removed: ["z"] })).toBeNull();
    expect(withChange(THREE, { changed: [line("z", 1)], removed: [] })).toBeNull();
    expect(withChange(THREE, { changed: [line("a", 0), line("z", 5)], removed: [] })).toBeNull();
  });
});

describe("firstHole", () => {
  it("looks between two places only", () => {
    const slots = withPage(emptySlots(5), 1, [line("b"), line("c")]);
    expect([firstHole(slots, 0, 5), firstHole(slots, 1, 3), firstHole(slots, 1, 9)]).toEqual([0, null, 3]);
  });
});

describe("lineAt", () => {
  it("finds the line in what has been read", () => {
    const at = (time: number) => lineAt(THREE, time, 3);
    expect(at(-1)).toEqual({ kind: "none" });
    expect([0, 0.9, 1, 2.5, 99].map((time) => at(time))).toEqual(
      [0, 0, 1, 2, 2].map((index) => ({ kind: "line", index })),
    );
    expect(lineAt([], 1, 3)).toEqual({ kind: "none" });
  });

  it("leads to any time with few pages, in whatever rhythm people speak", () => {
    for (const rhythm of [(n: number) => n, (n: number) => n ** 1.5, (n: number) => n + (n > 5000 ? 3000 : 0)]) {
      const whole = Array.from({ length: 10_000 }, (_, n) => line(String(n), rhythm(n), rhythm(n + 1)));
      for (const wanted of [0, 17, 4_999, 5_000, 9_999]) {
        let slots: Slots = withPage(emptySlots(whole.length), 0, whole.slice(0, 200));
        let pages = 0;
        let found = lineAt(slots, rhythm(wanted) + 0.1, rhythm(10_000));
        for (; found.kind === "unread"; found = lineAt(slots, rhythm(wanted) + 0.1, rhythm(10_000))) {
          const from = Math.max(0, Math.min(found.index, whole.length - 200));
          slots = withPage(slots, from, whole.slice(from, from + 200));
          pages++;
        }
        expect(found).toEqual({ kind: "line", index: wanted });
        expect(pages).toBeLessThanOrEqual(12);
      }
    }
  });
});
