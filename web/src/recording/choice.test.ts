import { expect, it } from "vitest";
import { choose, newChoice, PATIENCE_S } from "./choice";

const HEARD = { type: "heard", seconds: PATIENCE_S / 2 } as const;

it("keeps to the encoder once it has given something", () => {
  const proved = choose(choose(newChoice(true, true), HEARD), { type: "encoded" });
  expect(proved.by).toBe("encoder");
  expect([HEARD, HEARD, HEARD].reduce(choose, proved).by).toBe("encoder");
});

it("takes the samples where the encoder stays silent, fails, or is not there", () => {
  expect([HEARD, HEARD].reduce(choose, newChoice(true, true)).by).toBe("samples");
  expect(choose(newChoice(true, true), { type: "encoder_failed" }).by).toBe("samples");
  expect(newChoice(false, true).by).toBe("samples");
});

it("takes the samples of a recording that ends before the encoder has given anything", () => {
  expect(choose(newChoice(true, true), { type: "stopped" }).by).toBe("samples");
});

it("waits for the encoder where there are no samples", () => {
  expect([HEARD, HEARD, HEARD].reduce(choose, newChoice(true, false)).by).toBe("nobody");
});
