import { expect, it, vi } from "vitest";
import { newSending, type Sending } from "./machine";
import { createSender, type Ports } from "./sender";
import type { Answer } from "./wire";

function ports(over: Partial<Ports> = {}): Ports & { states: Sending[] } {
  const states: Sending[] = [];
  return {
    states,
    begin: async () => ({ type: "begun", recordingId: "rec_1", received: 0 }),
    ask: async () => ({ type: "received", bytes: 0 }),
    append: async (_id, _from, to) => ({ type: "received", bytes: to }),
    complete: async () => ({ type: "completed" }),
    withdraw: async () => ({ type: "withdrawn" }),
    trash: async () => ({ type: "withdrawn" }),
    onState: async (state) => {
      states.push(state);
    },
    ...over,
  };
}

it("does one thing at a time until all is there, and tells of each state", async () => {
  const its = ports();
  const sender = createSender(newSending(), its);
  sender.tell({ type: "stored", bytes: 10 });
  sender.tell({ type: "stored", bytes: 20 });
  sender.tell({ type: "ended" });
  await vi.waitFor(() => expect(sender.state().outcome).toBe("complete"));
  expect(its.states.at(-1)).toBe(sender.state());
  expect(its.states.map(({ acknowledged }) => acknowledged)).toContain(30);
});

it("breaks off what is under way when it is paused", async () => {
  const append: Ports["append"] = (_id, _from, _to, signal) =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve({ type: "stopped" })));
  const sender = createSender(newSending({ stored: 10, ended: true }), ports({ append }));
  sender.run();
  await vi.waitFor(() => expect(sender.state().recordingId).toBe("rec_1"));
  await Promise.resolve();
  sender.tell({ type: "hold" });
  await vi.waitFor(() => expect(sender.state()).toMatchObject({ wish: "hold", acknowledged: null }));
});

it("takes an answer that it does not understand for a failure that passes", async () => {
  const begin = async (): Promise<never> => {
    throw new SyntaxError("a page of a proxy");
  };
  const sender = createSender(newSending({ stored: 10 }), ports({ begin }));
  sender.run();
  await vi.waitFor(() => expect(sender.state()).toMatchObject({ failures: 1, problem: { code: "bad_answer" } }));
  sender.tell({ type: "cancel" });
  await vi.waitFor(() => expect(sender.state().outcome).toBe("cancelled"));
});

it("tells at once what is given up while a request is under way", async () => {
  const its = ports({ begin: () => new Promise(() => undefined) });
  const sender = createSender(newSending({ stored: 10 }), its);
  sender.run();
  await vi.waitFor(() => expect(its.states.length).toBeGreaterThan(0));
  sender.tell({ type: "cancel" });
  await vi.waitFor(() => expect(its.states.at(-1)).toMatchObject({ wish: "cancel" }));
});

it("takes out of the library what is given up while it is being completed", async () => {
  let completed: (answer: Answer) => void = () => undefined;
  const trash = vi.fn<Ports["trash"]>(async () => ({ type: "withdrawn" }));
  const complete = (): Promise<Answer> => new Promise((resolve) => (completed = resolve));
  const sender = createSender(newSending({ stored: 10, ended: true }), ports({ complete, trash }));
  sender.run();
  await vi.waitFor(() => expect(sender.state().acknowledged).toBe(10));
  sender.tell({ type: "cancel" });
  completed({ type: "completed" });
  await vi.waitFor(() => expect(sender.state().outcome).toBe("cancelled"));
  expect(trash).toHaveBeenCalledWith("rec_1");
});
