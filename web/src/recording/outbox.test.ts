import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Watcher } from "./items";
import { createOutbox } from "./outbox";
import type { Kept, Store } from "./store";
import * as wire from "./wire";

const disk = vi.hoisted(() => new Map<string, Kept>());
const store: Store = {
  all: async () => [...disk.values()],
  get: async (id) => disk.get(id),
  end: async () => null,
  put: async (kept) => void disk.set(kept.id, { ...kept }),
  append: async (kept) => disk.set(kept.id, { ...kept }) !== undefined,
  read: async () => new Blob(),
  release: async (kept) => void disk.set(kept.id, { ...kept }),
  remove: async (id) => void disk.delete(id),
};
vi.mock("./store", () => ({ createStore: () => store }));
vi.mock("./wire");
// A browser without locks: what nobody has touched for long is taken over.
vi.stubGlobal("navigator", {});

const GONE_WRONG: wire.Answer = {
  type: "failure",
  failure: { status: 0, problem: { code: "network", detail: "" }, retryAfterMs: null, received: null },
};

function kept(about: Partial<Kept>): Kept {
  const options = { language: "", task: "transcribe", profile: "", hotwords: "", script: "" } as Kept["options"];
  const named = { id: "a", kind: "recording", name: "a.webm", mediaType: "audio/webm", options, fields: [] } as const;
  const times = { createdAt: 0, touchedAt: 0, durationS: null, fingerprint: "", recordingId: "rec_1" };
  return { ...named, ...times, fields: [], begun: 0, stored: 9, released: 9, ended: true, cancelled: false, ...about };
}

function watcher(): Watcher {
  return { onItem: vi.fn(), onSending: vi.fn(), onSent: vi.fn(), onUnsafe: vi.fn() };
}

beforeEach(() => {
  disk.clear();
  vi.resetAllMocks();
});

afterEach(() => void vi.useRealTimers());

it("withdraws at the next visit what was given up without a network, and shows it no more", async () => {
  disk.set("a", kept({}));
  vi.mocked(wire.ask).mockResolvedValue(GONE_WRONG);
  vi.mocked(wire.withdraw).mockResolvedValue(GONE_WRONG);
  const before = watcher();
  const outbox = createOutbox(before);
  outbox.recover();
  await vi.waitFor(() => expect(before.onItem).toHaveBeenCalled());
  outbox.cancel("a");
  await vi.waitFor(() => expect(disk.get("a")?.cancelled).toBe(true));

  // Another visit; the first page is gone, and with it its claim.
  const after = watcher();
  disk.set("b", kept({ ...disk.get("a"), id: "b" }));
  disk.delete("a");
  vi.mocked(wire.withdraw).mockResolvedValue({ type: "withdrawn" });
  createOutbox(after).recover();
  await vi.waitFor(() => expect(disk.size).toBe(0));
  expect(after.onItem).not.toHaveBeenCalled();
  expect(wire.complete).not.toHaveBeenCalled();
});

it("leaves a recording to the window in which it is paused, and looks again once at a time", async () => {
  vi.useFakeTimers();
  vi.mocked(wire.begin).mockResolvedValue({ type: "begun", recordingId: "rec_1", received: 0 });
  vi.mocked(wire.append).mockResolvedValue({ type: "received", bytes: 3 });
  const { options, fields } = kept({});
  const writer = await createOutbox(watcher()).record({ name: "a", mediaType: "audio/webm", options, fields });
  await writer.write(new ArrayBuffer(3));
  const other = watcher();
  const outbox = createOutbox(other);
  await vi.advanceTimersByTimeAsync(60_000);
  const before = vi.getTimerCount();
  outbox.recover();
  outbox.recover();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(other.onItem).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(before + 1);
  writer.end(1);
});
