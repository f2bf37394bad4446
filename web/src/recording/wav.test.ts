import { expect, it } from "vitest";
import { endlessWavHeader, toInt16 } from "./wav";

it("writes a header that says mono, 16 bit and no length", () => {
  const view = new DataView(endlessWavHeader(16_000));
  const text = new TextDecoder().decode(view.buffer);
  expect(view.byteLength).toBe(44);
  expect([text.slice(0, 4), text.slice(8, 16), text.slice(36, 40)]).toEqual(["RIFF", "WAVEfmt ", "data"]);
  expect(view.getUint32(4, true)).toBe(0xffffffff);
  expect(view.getUint16(22, true)).toBe(1);
  expect(view.getUint32(24, true)).toBe(16_000);
  expect(view.getUint32(28, true)).toBe(32_000);
  expect(view.getUint32(40, true)).toBe(0xffffffff);
});

it("scales to the whole range and cuts off what is louder", () => {
  expect([...toInt16(Float32Array.of(0, 1, -1, 2, -2, 0.5))]).toEqual([0, 32767, -32768, 32767, -32768, 16384]);
});
