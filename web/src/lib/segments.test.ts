import { expect, it } from "vitest";
import { moveFocus, segmentAt } from "./segments";

const SEGMENTS = [1, 4, 9].map((start, id) => ({ id, start, end: start + 2, text: "" }));

it.each([
  [0, -1],
  [1, 0],
  [3.5, 0],
  [4, 1],
  [8.99, 1],
  [100, 2],
])("at %d s segment %d is heard", (time, index) => {
  expect(segmentAt(SEGMENTS, time)).toBe(index);
});

it("finds none in an empty list", () => {
  expect(segmentAt([], 1)).toBe(-1);
});

it.each([
  ["ArrowUp", 0, 0],
  ["ArrowUp", 2, 1],
  ["ArrowDown", 1, 2],
  ["ArrowDown", 2, 2],
  ["Home", 2, 0],
  ["End", 0, 2],
  ["x", 1, null],
])("%s moves from %d to %s", (key, from, to) => {
  expect(moveFocus(key, from, 3)).toBe(to);
});
