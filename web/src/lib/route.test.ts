import { expect, it } from "vitest";
import { routeOf } from "./route";

it.each([
  ["", "models", "home"],
  ["#/", "models", "home"],
  ["#/models", "home", "models"],
  ["#/models", "models", "models"],
  ["#/nowhere", "models", "home"],
  ["#transcript", "models", "models"],
  ["#transcript", "home", "home"],
] as const)("%j while %s is shown leads to %s", (hash, current, route) => {
  expect(routeOf(hash, current)).toBe(route);
});
