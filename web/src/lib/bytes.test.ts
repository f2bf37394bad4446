import { expect, it } from "vitest";
import { bytes } from "./bytes";

it.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1 kB"],
  [147_882_941, "148 MB"],
  [78_203_619, "78.2 MB"],
  [3_090_835_702, "3.1 GB"],
  [999_960_000, "1 GB"],
  [5_000_000_000_000_000, "5,000 TB"],
])("%d is %s", (value, text) => {
  expect(bytes(value, "en")).toBe(text);
});
