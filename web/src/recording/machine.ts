/**
 * What is sent of a recording, and when: decisions alone, without a clock, a network or a disk.
 * Sizes are bytes, times milliseconds.
 */
import { localProblem } from "../lib/problem";
import type { Problem } from "../lib/types";

/** Enough for good speed, and little to send again where a phone loses its network. */
export const MOST_BYTES = 4 * 1024 * 1024;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
/** A proxy may ask for anything; after this it is tried again. */
const LONGEST_ASKED_MS = 300_000;

export interface Sending {
  /** Its name at the service, once it has begun there. */
  recordingId: string | null;
  /** What there is of it: on this device, or at the service already. */
  stored: number;
  /** What the service has on its disk; null where it has to be asked. */
  acknowledged: number | null;
  /** How much of its beginning is not on this device any more, since the service has it; 0 for a file, which can be read again. */
  released: number;
  isFile: boolean;
  /** How often it was begun anew: each time under another name. */
  begun: number;
  /** Nothing more will be stored. */
  ended: boolean;
  wish: "send" | "hold" | "cancel";
  /** It was given up while it was being completed, and is a recording at the service now. */
  overtaken: boolean;
  /** In a row. */
  failures: number;
  notBefore: number;
  /** Why it waits, or why it was refused. */
  problem: Problem | null;
  outcome: "open" | "complete" | "cancelled" | "refused";
}

/** What went wrong with a request. `received` is what the service says that it has, where it says so. */
export interface Failure {
  status: number;
  problem: Problem;
  retryAfterMs: number | null;
  received: number | null;
}

export type SendingEvent =
  | { type: "stored"; bytes: number }
  | { type: "ended" }
  | { type: "begun"; recordingId: string; received: number }
  | { type: "received"; bytes: number }
  | { type: "completed" }
  | { type: "withdrawn" }
  /** What should be sent next is not on this device any more. */
  | { type: "missing" }
  /** A request was broken off on purpose. */
  | { type: "stopped" }
  | { type: "failed"; failure: Failure; now: number; chance: number }
  | { type: "online" }
  | { type: "hold" }
  | { type: "resume" }
  | { type: "retry" }
  | { type: "cancel" };

export type Step =
  | { do: "begin" }
  | { do: "ask" }
  | { do: "append"; from: number; to: number }
  | { do: "complete" }
  | { do: "withdraw" }
  | { do: "trash" }
  | { do: "wait"; ms: number }
  | { do: "rest" };

const REST: Step = { do: "rest" };

export function newSending(known: Partial<Sending> = {}): Sending {
  return {
    recordingId: null,
    stored: 0,
    acknowledged: null,
    released: 0,
    isFile: false,
    begun: 0,
    ended: false,
    wish: "send",
    overtaken: false,
    failures: 0,
    notBefore: 0,
    problem: null,
    outcome: "open",
    ...known,
  };
}

/** What is to be done now; `rest` until something happens. */
export function stepOf(sending: Sending, now: number): Step {
  if (sending.outcome !== "open") return REST;
  if (sending.wish === "hold") return REST;
  if (sending.notBefore > now) return { do: "wait", ms: sending.notBefore - now };
  if (sending.wish === "cancel") return { do: sending.overtaken ? "trash" : "withdraw" };
  return nextPart(sending);
}

function nextPart({ recordingId, stored, acknowledged, ended }: Sending): Step {
  if (recordingId === null) return stored > 0 ? { do: "begin" } : REST;
  if (acknowledged === null) return { do: "ask" };
  if (acknowledged < stored) {
    return { do: "append", from: acknowledged, to: Math.min(stored, acknowledged + MOST_BYTES) };
  }
  return ended ? { do: "complete" } : REST;
}

/** The next state. What comes after the end changes nothing, but for a retry. */
export function next(sending: Sending, event: SendingEvent): Sending {
  if (event.type === "retry") return again(sending);
  if (event.type === "cancel" && sending.outcome === "refused") return { ...again(sending), wish: "cancel" };
  return sending.outcome === "open" ? advance(sending, event) : sending;
}

function advance(sending: Sending, event: SendingEvent): Sending {
  switch (event.type) {
    case "stored":
      return { ...sending, stored: sending.stored + event.bytes };
    case "ended":
      return end(sending);
    case "begun":
      return received({ ...sending, recordingId: event.recordingId }, event.received);
    case "received":
      return received(sending, event.bytes);
    case "completed":
      return completed(sending);
    case "withdrawn":
      return { ...sending, outcome: "cancelled", problem: null };
    case "missing":
      return missing(sending);
    case "stopped":
      return { ...sending, acknowledged: null };
    case "failed":
      return failed(sending, event.failure, event.now, event.chance);
    default:
      return wished(sending, event.type);
  }
}

function wished(sending: Sending, wish: "online" | "hold" | "resume" | "retry" | "cancel"): Sending {
  if (wish === "hold") return { ...sending, wish };
  if (wish === "cancel") return { ...sending, wish, notBefore: 0 };
  return { ...sending, wish: wish === "resume" ? "send" : sending.wish, notBefore: 0 };
}

/** Where it was given up meanwhile it has to be taken out of the library again. */
function completed(sending: Sending): Sending {
  if (sending.wish === "cancel") return { ...sending, overtaken: true, failures: 0, notBefore: 0, problem: null };
  return { ...sending, outcome: "complete", problem: null };
}

function end(sending: Sending): Sending {
  const ended = { ...sending, ended: true };
  const empty = sending.stored === 0 && sending.recordingId === null;
  return empty ? { ...ended, outcome: "refused", problem: localProblem("empty_file") } : ended;
}

/** The service knows best: what it has and this device does not is safe. */
function received(sending: Sending, bytes: number): Sending {
  if (bytes < sending.released) return missing(sending);
  const stored = Math.max(sending.stored, bytes);
  const released = sending.isFile ? 0 : bytes;
  return { ...sending, stored, released, acknowledged: bytes, failures: 0, notBefore: 0, problem: null };
}

function missing(sending: Sending): Sending {
  return { ...sending, outcome: "refused", problem: localProblem("bytes_missing") };
}

function again(sending: Sending): Sending {
  if (sending.outcome !== "refused" && sending.outcome !== "open") return sending;
  return { ...sending, outcome: "open", wish: "send", acknowledged: null, failures: 0, notBefore: 0, problem: null };
}

function failed(sending: Sending, failure: Failure, now: number, chance: number): Sending {
  const { problem, status } = failure;
  if (sending.wish === "cancel" && isSettled(failure)) return { ...sending, outcome: "cancelled", problem: null };
  if (problem.code === "recording_complete") {
    return sending.wish === "cancel" ? completed(sending) : completedElsewhere(sending, problem);
  }
  if (isGone(status) && sending.recordingId !== null && sending.released === 0) {
    return beginAnew(sending, problem, now, chance);
  }
  if (!isPassing(failure)) return { ...sending, outcome: "refused", problem };
  const wait = Math.max(waitAfter(sending.failures, chance), Math.min(failure.retryAfterMs ?? 0, LONGEST_ASKED_MS));
  const after = { ...sending, failures: sending.failures + 1, notBefore: now + wait, problem };
  return { ...after, acknowledged: failure.received };
}

/** Somebody has ended it: another window, or the service after a week without news. */
function completedElsewhere(sending: Sending, problem: Problem): Sending {
  const whole = sending.acknowledged !== null && sending.acknowledged >= sending.stored;
  return whole ? { ...sending, outcome: "complete", problem: null } : { ...sending, outcome: "refused", problem };
}

/** All of it is still here. */
function beginAnew(sending: Sending, problem: Problem, now: number, chance: number): Sending {
  const { failures } = sending;
  const notBefore = now + waitAfter(failures, chance);
  const begun = sending.begun + 1;
  return { ...sending, recordingId: null, acknowledged: null, begun, failures: failures + 1, notBefore, problem };
}

/** Twice as long each time, and by chance a little more or less, so that not all come back at once. */
export function waitAfter(failures: number, chance: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 10)) * (0.75 + chance / 2);
}

const PASSING = new Set([0, 408, 425, 429, 460]);
const PASSING_CODES = new Set(["offset_conflict", "append_conflict", "quota_exceeded"]);

/** Whether it may go well later: no network, a service that is full, busy, starting or being restarted. */
function isPassing({ status, problem }: Failure): boolean {
  return PASSING.has(status) || status >= 500 || PASSING_CODES.has(problem.code);
}

/** Whether nothing more can be done about what was given up: it is gone, or others want it to be kept. */
function isSettled({ status, problem }: Failure): boolean {
  return isGone(status) || problem.code === "legal_hold";
}

function isGone(status: number): boolean {
  return status === 404 || status === 410;
}
