import { expect, it } from "vitest";
import { toInt16, wavHeader } from "./wav";

it("writes a header that says mono, 16 bit and how much follows", () => {
  const view = new DataView(wavHeader(1000, 16_000));
  const text = new TextDecoder().decode(view.buffer);
  expect(view.byteLength).toBe(44);
  expect([text.slice(0, 4), text.slice(8, 16), text.slice(36, 40)]).toEqual(["RIFF", "WAVEfmt ", "data"]);
  expect(view.getUint32(4, true)).toBe(2036);
  expect(view.getUint16(22, true)).toBe(1);
  expect(view.getUint32(24, true)).toBe(16_000);
  expect(view.getUint32(28, true)).toBe(32_000);
  expect(view.getUint32(40, true)).toBe(2000);
});

it("scales to the whole range and cuts off what is louder", () => {
  expect([...toInt16(Float32Array.of(0, 1, -1, 2, -2, 0.5))]).toEqual([0, 32767, -32768, 32767, -32768, 16384]);
});
