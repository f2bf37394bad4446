import { createRoot } from "solid-js";
import { beforeEach, expect, it, vi } from "vitest";
import * as api from "../api/transcripts";
import { createDocument } from "./transcript";

vi.mock("../api/transcripts", () => ({ readLines: vi.fn(), edit: vi.fn(), takeBack: vi.fn() }));

type Read = Awaited<ReturnType<typeof api.readLines>>;
type Edited = Awaited<ReturnType<typeof api.edit>>;

function read(version: number, revision = 0): Read {
  const segments = [{ id: `seg_${version}`, start: 0, end: 1, text: `version ${version}` }];
  return { ok: true, value: { version, revision, count: 1, segments, next: null, undo: false, redo: false } } as never;
}

/** Answers that come when the test wants them, by the version that was asked for. */
function answers() {
  const waiting: { version: string; answer: (read: Read) => void }[] = [];
  vi.mocked(api.readLines).mockImplementation(
    ({ version }) => new Promise((answer) => waiting.push({ version, answer })),
  );
  return waiting;
}

async function opened() {
  vi.mocked(api.readLines).mockResolvedValueOnce(read(1));
  const transcript = createRoot(() => createDocument("rec_1"));
  await transcript.show("current");
  return transcript;
}

beforeEach(() => void vi.resetAllMocks());

it("shows the version that was asked for last, whatever comes last", async () => {
  const transcript = await opened();
  const waiting = answers();
  const done = [transcript.refresh(), transcript.show("2")];
  waiting[1]?.answer(read(2));
  waiting[0]?.answer(read(1, 5));
  await Promise.all(done);
  expect(transcript.head()).toMatchObject({ version: 2, revision: 0 });
});

it("reads anew what is to be shown, where that is not here yet", async () => {
  const transcript = await opened();
  const waiting = answers();
  const done = [transcript.show("2"), transcript.refresh()];
  expect(waiting.map(({ version }) => version)).toEqual(["2", "2"]);
  for (const { answer } of waiting) answer(read(2));
  await Promise.all(done);
  expect(transcript.head()?.version).toBe(2);
});

it("stays at the version that is shown when an edit of another one is answered late", async () => {
  const transcript = await opened();
  let answer = (_: Edited): void => undefined;
  vi.mocked(api.edit).mockReturnValue(new Promise((resolve) => (answer = resolve)));
  const saved = transcript.submit([{ op: "set_text", segment: "seg_1", text: "mine" }]);
  vi.mocked(api.readLines).mockImplementation(async ({ version }) => read(Number(version)));
  await transcript.show("2");
  const changed = [{ id: "seg_1", start: 0, end: 1, text: "mine" }];
  answer({ ok: true, value: { version: 1, revision: 1, changed, removed: [] } } as never);
  expect((await saved).ok).toBe(true);
  expect(transcript.head()).toMatchObject({ version: 2, revision: 0 });
  expect(transcript.slots().map((line) => line?.text)).toEqual(["version 2"]);
});
