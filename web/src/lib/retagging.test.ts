import { expect, it } from "vitest";
import { reversal, steps, tidy } from "./retagging";

const A = { id: "a", tags: ["visit", "ward"] };
const B = { id: "b", tags: ["ward"] };

it("asks for what is added and removed, and for nothing else", () => {
  expect(steps([A, B], { add: ["new"], remove: [] })).toEqual([{ action: "tag", ids: ["a", "b"], tags: ["new"] }]);
  expect(steps([A], { add: [], remove: ["ward"] })).toEqual([{ action: "untag", ids: ["a"], tags: ["ward"] }]);
});

it("is taken back without taking from anybody what was there before", () => {
  expect(reversal([A, B], { add: ["visit"], remove: ["ward"] })).toEqual([
    { action: "untag", ids: ["b"], tags: ["visit"] },
    { action: "tag", ids: ["a", "b"], tags: ["ward"] },
  ]);
  expect(reversal([A], { add: ["visit"], remove: [] })).toEqual([]);
});

it("tidies a tag", () => {
  expect(tidy("  home   visit ")).toBe("home visit");
});
