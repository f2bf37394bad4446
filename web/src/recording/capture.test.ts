import { expect, it, vi } from "vitest";
import { openCapture, type Sink } from "./capture";

it("lets go of the microphone where its sound cannot be listened to", async () => {
  const track = { stop: vi.fn() };
  const close = vi.fn(async () => undefined);
  class Context {
    state = "running";
    close = close;
    createMediaStreamSource(): never {
      throw new DOMException("", "NotSupportedError");
    }
  }
  vi.stubGlobal("AudioContext", Context);
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia: async () => ({ getTracks: () => [track] }) } });
  await expect(openCapture("", {} as Sink)).rejects.toThrow();
  expect(track.stop).toHaveBeenCalledOnce();
  expect(close).toHaveBeenCalledOnce();
});
