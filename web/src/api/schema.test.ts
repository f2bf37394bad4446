import { readFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";
import { expect, it } from "vitest";

const HERE = new URL(".", import.meta.url);

it("is what `npm run generate` makes of openapi.json", async () => {
  const made = astToString(await openapiTS(new URL("../../openapi.json", HERE)));
  const kept = readFileSync(new URL("schema.d.ts", HERE), "utf-8");
  // The command writes a comment above what the library gives.
  expect(kept.endsWith(made) || kept.trimEnd().endsWith(made.trimEnd())).toBe(true);
}, 30_000);
