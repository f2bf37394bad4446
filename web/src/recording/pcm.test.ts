import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Hearing, startPcm } from "./pcm";

const BLOCK = new Float32Array(16384).fill(0.5);

/** A browser without worklets; `hear` is its audio thread. */
function browser() {
  const node = { connect: vi.fn((next) => next), disconnect: vi.fn(), onaudioprocess: null as unknown };
  const context = { sampleRate: 48_000, createScriptProcessor: () => node };
  const source = { connect: (next: unknown) => next, disconnect: vi.fn() };
  const hear = (): void =>
    (node.onaudioprocess as (event: unknown) => void)({ inputBuffer: { getChannelData: () => BLOCK } });
  return { hearing: { context, source, sink: {} } as unknown as Hearing, hear };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("has what was said last before it ends: the block that was being filled", async () => {
  const { hearing, hear } = browser();
  let samples = 0;
  const pcm = startPcm(hearing, "processor", (block) => {
    samples += block.length;
  });
  const ended = vi.fn();
  void pcm.settled().then(ended);
  await vi.advanceTimersByTimeAsync(100);
  expect(ended).not.toHaveBeenCalled();
  hear();
  await vi.advanceTimersByTimeAsync(0);
  expect(ended).toHaveBeenCalledOnce();
  expect(samples / pcm.rate).toBeCloseTo(BLOCK.length / 48_000, 2);
});

it("ends also where the microphone is gone, and at once where it is paused", async () => {
  const gone = vi.fn();
  const pcm = startPcm(browser().hearing, "processor", () => undefined);
  void pcm.settled().then(gone);
  await vi.advanceTimersByTimeAsync(1000);
  expect(gone).toHaveBeenCalledOnce();
  pcm.setPaused(true);
  await pcm.settled();
});
