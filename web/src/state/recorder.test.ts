import { createRoot } from "solid-js";
import { expect, it, vi } from "vitest";
import type { Capture, Sink } from "../recording/capture";
import { createRecorder, type Keeper } from "./recorder";

type Opened = (sink: Sink) => Capture;

const asked = vi.hoisted(() => [] as ((open: Opened) => void)[]);
vi.mock("./engine", () => ({
  engine: async () => ({
    openCapture: (_device: string, sink: Sink) =>
      new Promise((resolve) => asked.push((open: Opened) => resolve(open(sink)))),
  }),
}));
vi.stubGlobal("navigator", {});
const nothing = (): undefined => undefined;
vi.stubGlobal("document", { addEventListener: nothing, removeEventListener: nothing, visibilityState: "hidden" });

/** A microphone that hands over a byte when it is opened and another when it ends. */
function microphone(sink: Sink): Capture {
  sink.onType("audio/webm");
  sink.onBytes(new Blob(["a"]));
  const stop = async (): Promise<void> => sink.onBytes(new Blob(["z"]));
  return { level: () => 1, setPaused: nothing, flush: nothing, stop };
}

function keeper() {
  const written = new Map<string, string>();
  const ended: string[] = [];
  const removed: string[] = [];
  const its: Keeper = {
    record: async () => {
      const id = String(written.size + 1);
      written.set(id, "");
      const write = async (bytes: ArrayBuffer): Promise<void> =>
        void written.set(id, written.get(id) + new TextDecoder().decode(bytes));
      return { id, write, end: () => void ended.push(id) };
    },
    onEnd: nothing,
    remove: (id) => void removed.push(id),
  };
  return { its, written, ended, removed };
}

it("keeps the recording that goes on where an earlier question is answered late", async () => {
  const { its, written, ended, removed } = keeper();
  const recorder = createRoot(() => createRecorder(its));
  recorder.start();
  recorder.discard();
  recorder.start();
  await vi.waitFor(() => expect(asked.length).toBe(2));
  // The browser answers both questions, in their order.
  asked[0]?.(microphone);
  asked[1]?.(microphone);
  await vi.waitFor(() => expect(recorder.state().kind).toBe("recording"));
  await vi.waitFor(() => expect(removed.length).toBe(1));
  recorder.stop();
  await vi.waitFor(() => expect(recorder.state()).toEqual({ kind: "idle", error: null }));
  const kept = [...written.keys()].filter((id) => !removed.includes(id));
  expect(kept.map((id) => written.get(id))).toEqual(["az"]);
  expect(ended.sort()).toEqual(["1", "2"]);
});

it("comes to an end also where the first bytes could not be kept", async () => {
  const { its } = keeper();
  asked.length = 0;
  let refuse = (_: Error): void => undefined;
  const record: Keeper["record"] = () => new Promise((_, reject) => (refuse = reject));
  const recorder = createRoot(() => createRecorder({ ...its, record }));
  recorder.start();
  await vi.waitFor(() => expect(asked.length).toBe(1));
  asked[0]?.(microphone);
  await vi.waitFor(() => expect(recorder.capturing()).toBe(true));
  recorder.stop();
  await new Promise((resolve) => setTimeout(resolve));
  refuse(new Error("refused"));
  await vi.waitFor(() => expect(recorder.state()).toEqual({ kind: "idle", error: "empty" }));
});
