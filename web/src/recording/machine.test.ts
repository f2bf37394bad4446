import { describe, expect, it } from "vitest";
import type { Problem } from "../lib/types";
import {
  type Failure,
  MOST_BYTES,
  newSending,
  next,
  type Sending,
  type SendingEvent,
  stepOf,
  waitAfter,
} from "./machine";

const BEGUN: SendingEvent = { type: "begun", recordingId: "rec_1", received: 0 };

function told(first: Sending, ...events: SendingEvent[]): Sending {
  return events.reduce(next, first);
}

function failure(status: number, code = "network", more: Partial<Failure> = {}): SendingEvent {
  const problem: Problem = { code, detail: "" };
  return {
    type: "failed",
    failure: { status, problem, retryAfterMs: null, received: null, ...more },
    now: 0,
    chance: 0.5,
  };
}

describe("a recording that goes on", () => {
  it("begins with its first bytes, and sends what there is at the acknowledged offset", () => {
    expect(stepOf(newSending(), 0)).toEqual({ do: "rest" });
    const stored = told(newSending(), { type: "stored", bytes: 500 });
    expect(stepOf(stored, 0)).toEqual({ do: "begin" });
    const begun = told(stored, BEGUN);
    expect(stepOf(begun, 0)).toEqual({ do: "append", from: 0, to: 500 });
    const more = told(begun, { type: "stored", bytes: 100 }, { type: "received", bytes: 500 });
    expect(stepOf(more, 0)).toEqual({ do: "append", from: 500, to: 600 });
    expect(stepOf(told(more, { type: "received", bytes: 600 }), 0)).toEqual({ do: "rest" });
  });

  it("is completed once it has ended and all of it is acknowledged", () => {
    const all = told(
      newSending(),
      { type: "stored", bytes: 10 },
      BEGUN,
      { type: "received", bytes: 10 },
      { type: "ended" },
    );
    expect(stepOf(all, 0)).toEqual({ do: "complete" });
    expect(told(all, { type: "completed" }).outcome).toBe("complete");
  });

  it("sends no more at a time than can be sent again", () => {
    const much = told(newSending(), { type: "stored", bytes: 3 * MOST_BYTES }, BEGUN);
    expect(stepOf(much, 0)).toEqual({ do: "append", from: 0, to: MOST_BYTES });
  });

  it("that holds nothing is refused and never begins", () => {
    expect(told(newSending(), { type: "ended" })).toMatchObject({
      outcome: "refused",
      problem: { code: "empty_file" },
    });
  });
});

describe("what fails for a while", () => {
  const begun = told(newSending(), { type: "stored", bytes: 1000 }, BEGUN, { type: "received", bytes: 400 });

  it.each([0, 408, 429, 500, 502, 503, 504, 507])("is waited for and asked about: %i", (status) => {
    const waiting = told(begun, failure(status));
    expect(stepOf(waiting, 0).do).toBe("wait");
    expect(stepOf(waiting, 60_000)).toEqual({ do: "ask" });
    expect(stepOf(told(waiting, { type: "received", bytes: 700 }), 60_000)).toMatchObject({ do: "append", from: 700 });
  });

  it("waits longer each time, and as long as the service asks for", () => {
    expect([0, 1, 2, 20].map((failures) => waitAfter(failures, 0.5))).toEqual([500, 1000, 2000, 30_000]);
    expect(stepOf(told(begun, failure(503, "overloaded", { retryAfterMs: 7000 })), 0)).toEqual({
      do: "wait",
      ms: 7000,
    });
  });

  it("is tried at once when the network is back", () => {
    expect(stepOf(told(begun, failure(0), failure(0), { type: "online" }), 0)).toEqual({ do: "ask" });
  });

  it("forgets the failures once something was received", () => {
    expect(told(begun, failure(0), { type: "received", bytes: 500 })).toMatchObject({ failures: 0, problem: null });
  });

  it("goes on where the service says, where the two were out of step", () => {
    const out = told(begun, failure(409, "offset_conflict", { received: 900 }));
    expect(stepOf(out, 60_000)).toEqual({ do: "append", from: 900, to: 1000 });
  });

  it("keeps what comes meanwhile", () => {
    const waiting = told(begun, failure(507, "storage_full"), { type: "stored", bytes: 200 }, { type: "ended" });
    expect(waiting).toMatchObject({ stored: 1200, outcome: "open", problem: { code: "storage_full" } });
  });
});

describe("what fails for good", () => {
  const begun = told(newSending(), { type: "stored", bytes: 1000 }, BEGUN);

  it("is refused, and tried again when somebody wants it", () => {
    const refused = told(begun, failure(413, "recording_too_large"));
    expect(refused.outcome).toBe("refused");
    expect(stepOf(refused, 1e9)).toEqual({ do: "rest" });
    expect(stepOf(told(refused, { type: "retry" }), 0)).toEqual({ do: "ask" });
  });

  it("begins anew under another name where the service has lost it and all of it is still here", () => {
    const anew = told(begun, failure(404, "recording_not_found"));
    expect(anew).toMatchObject({ recordingId: null, begun: 1, outcome: "open" });
    expect(stepOf(anew, 60_000)).toEqual({ do: "begin" });
  });

  it("is said to be lost where the service has less than is missing here", () => {
    const released = told(begun, { type: "received", bytes: 600 });
    expect(told(released, failure(410, "upload_expired")).outcome).toBe("refused");
    expect(told(released, { type: "received", bytes: 100 })).toMatchObject({ problem: { code: "bytes_missing" } });
  });

  it("lets a file be read again from its beginning", () => {
    const file = told(newSending({ isFile: true, stored: 1000, ended: true }), BEGUN, { type: "received", bytes: 600 });
    expect(stepOf(told(file, { type: "received", bytes: 100 }), 0)).toMatchObject({ do: "append", from: 100 });
    expect(told(file, failure(404, "recording_not_found")).recordingId).toBeNull();
  });

  it("is no failure where somebody else has completed all of it", () => {
    const all = told(begun, { type: "received", bytes: 1000 });
    expect(told(all, failure(409, "recording_complete")).outcome).toBe("complete");
    expect(told(begun, failure(409, "recording_complete")).outcome).toBe("refused");
  });
});

describe("what people want", () => {
  const file = told(newSending({ isFile: true, stored: 1000, ended: true }), BEGUN);

  it("pauses and goes on where it was", () => {
    const held = told(file, { type: "hold" }, { type: "stopped" });
    expect(stepOf(held, 0)).toEqual({ do: "rest" });
    expect(stepOf(told(held, { type: "online" }), 0)).toEqual({ do: "rest" });
    expect(stepOf(told(held, { type: "resume" }), 0)).toEqual({ do: "ask" });
  });

  it("withdraws at the service too, and is done where there is nothing any more", () => {
    const cancelled = told(file, failure(503), { type: "cancel" });
    expect(stepOf(cancelled, 0)).toEqual({ do: "withdraw" });
    expect(told(cancelled, failure(404, "recording_not_found")).outcome).toBe("cancelled");
    expect(told(file, failure(400, "invalid_parameter"), { type: "cancel" })).toMatchObject({ wish: "cancel" });
  });

  it.each([
    ["the answer comes", { type: "completed" } as const],
    ["the answer is lost and the service is asked", failure(409, "recording_complete")],
  ])("takes out of the library what was completed while it was given up: %s", (_, end) => {
    const overtaken = told(file, { type: "received", bytes: 1000 }, { type: "cancel" }, end);
    expect(overtaken.outcome).toBe("open");
    expect(stepOf(overtaken, 0)).toEqual({ do: "trash" });
    expect(stepOf(told(overtaken, failure(503)), 60_000)).toEqual({ do: "trash" });
    expect(told(overtaken, { type: "withdrawn" }).outcome).toBe("cancelled");
    expect(told(overtaken, failure(404, "recording_not_found")).outcome).toBe("cancelled");
    expect(told(overtaken, failure(409, "legal_hold")).outcome).toBe("cancelled");
  });
});

/** A service that cuts, loses answers, refuses and forgets nothing that it has acknowledged. */
function unreliable(chance: () => number) {
  let disk: number[] = [];
  let complete = false;
  let removed = false;
  const event = (good: SendingEvent): SendingEvent => (chance() < 0.3 ? failure(chance() < 0.5 ? 0 : 507) : good);
  const takeAway = (how: "withdraw" | "trash"): SendingEvent => {
    if (how === "withdraw" && complete) return failure(409, "recording_complete");
    removed = true;
    return event({ type: "withdrawn" });
  };
  return {
    disk: () => disk,
    complete: () => complete,
    removed: () => removed,
    answer: (sending: Sending, bytes: number[]): SendingEvent | null => {
      const step = stepOf(sending, sending.notBefore);
      if (step.do === "begin") return event({ type: "begun", recordingId: "rec_1", received: disk.length });
      if (step.do === "ask") return event({ type: "received", bytes: disk.length });
      if (step.do === "complete") {
        complete = true;
        return event({ type: "completed" });
      }
      if (step.do === "withdraw" || step.do === "trash") return takeAway(step.do);
      if (step.do !== "append") return null;
      if (step.from !== disk.length) return failure(409, "offset_conflict", { received: disk.length });
      const part = bytes.slice(step.from, step.to);
      disk = [...disk, ...part.slice(0, Math.ceil(part.length * chance()))];
      return event({ type: "received", bytes: disk.length });
    },
  };
}

function chanceOf(seed: number): () => number {
  let random = seed * 7919;
  return () => {
    random = (random * 16807) % 2147483647;
    return random / 2147483647;
  };
}

it.each([1, 2, 3, 4, 5, 6, 7, 8])("loses and repeats no byte whatever happens on the way (%i)", (seed) => {
  const chance = chanceOf(seed);
  const service = unreliable(chance);
  const bytes: number[] = [];
  let sending = newSending();
  for (let i = 0; sending.outcome === "open" && i < 5000; i++) {
    if (bytes.length < 200 && chance() < 0.5) {
      bytes.push(...Array.from({ length: 5 }, () => bytes.length));
      sending = next(sending, { type: "stored", bytes: 5 });
      if (bytes.length === 200) sending = next(sending, { type: "ended" });
    }
    const event = service.answer(sending, bytes);
    if (event) sending = next(sending, event);
  }
  expect(sending.outcome).toBe("complete");
  expect(service.complete()).toBe(true);
  expect(service.disk()).toEqual(bytes);
});

it.each(Array.from({ length: 40 }, (_, at) => at))("leaves nothing at the service, given up before step %i", (at) => {
  const service = unreliable(chanceOf(at + 1));
  const bytes = Array.from({ length: 100 }, (_, i) => i);
  let sending = newSending({ stored: bytes.length, ended: true });
  let givenUp = false;
  for (let step = 0; sending.outcome === "open" && step < 1000; step++) {
    // The answer to what was asked before may come after that.
    const event = service.answer(sending, bytes);
    if (step >= at) {
      sending = next(sending, { type: "cancel" });
      givenUp = true;
    }
    if (event) sending = next(sending, event);
  }
  expect(sending.outcome).toBe(givenUp ? "cancelled" : "complete");
  expect(service.removed()).toBe(givenUp);
});
