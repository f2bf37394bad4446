import { expect, it, vi } from "vitest";

it("reads the bytes of a recording also where the browser has no way of its own", async () => {
  vi.stubGlobal("Blob", class extends Blob {});
  Object.defineProperty(Blob.prototype, "arrayBuffer", { value: undefined, writable: true });
  await import("./polyfills");
  const bytes = await new Blob(["abc"]).arrayBuffer();
  expect(new TextDecoder().decode(bytes)).toBe("abc");
});
