import { expect, it } from "vitest";
import { initials, LOOKS, speakersOf, withLooks } from "./speakers";

it("names everyone once, in the order of their first words", () => {
  const line = (speaker: string) => ({ id: speaker, start: 0, end: 1, text: "", speaker });
  expect(speakersOf([line("B"), undefined, line(""), line("A"), line("B")])).toEqual(["B", "A"]);
});

it("keeps the look of those who are known when others come", () => {
  const first = withLooks(new Map(), ["A", "B"]);
  const more = withLooks(first, ["C", "B", "A"]);
  expect([...more]).toEqual([
    ["A", 0],
    ["B", 1],
    ["C", 2],
  ]);
  expect(withLooks(more, ["A"])).toBe(more);
  const many = Array.from({ length: LOOKS + 1 }, (_, n) => `S${n}`);
  expect(withLooks(new Map(), many).get(`S${LOOKS}`)).toBe(0);
});

it("has short marks", () => {
  expect(["Speaker 12", "Ms Chen", "王小明", "ann", ""].map(initials)).toEqual(["12", "MC", "王", "A", ""]);
});
