/** What a recording can be in, and what leads from one to the other. Times are milliseconds of a monotonic clock. */

export type CaptureErrorCode = "denied" | "no_microphone" | "busy" | "insecure" | "unsupported" | "failed" | "empty";

export type RecorderState =
  | { kind: "idle"; error: CaptureErrorCode | null }
  | { kind: "requesting" }
  | { kind: "recording"; since: number; before: number }
  | { kind: "paused"; before: number }
  | { kind: "stopping"; before: number };

export type RecorderEvent =
  | { type: "start" }
  | { type: "granted"; now: number }
  | { type: "failed"; error: CaptureErrorCode }
  | { type: "pause"; now: number }
  | { type: "resume"; now: number }
  | { type: "stop"; now: number }
  | { type: "finished" };

export const IDLE: RecorderState = { kind: "idle", error: null };

/** The next state; an event that does not belong to the state changes nothing. */
export function next(state: RecorderState, event: RecorderEvent): RecorderState {
  switch (event.type) {
    case "start":
      return state.kind === "idle" ? { kind: "requesting" } : state;
    case "granted":
      return state.kind === "requesting" ? { kind: "recording", since: event.now, before: 0 } : state;
    case "failed":
      return { kind: "idle", error: event.error };
    case "pause":
      return state.kind === "recording" ? { kind: "paused", before: elapsed(state, event.now) } : state;
    case "resume":
      return state.kind === "paused" ? { kind: "recording", since: event.now, before: state.before } : state;
    case "stop":
      return isCapturing(state) ? { kind: "stopping", before: elapsed(state, event.now) } : state;
    case "finished":
      return IDLE;
  }
}

export function isCapturing(state: RecorderState): boolean {
  return state.kind === "recording" || state.kind === "paused";
}

/** How long the recording is, in ms, without its pauses. */
export function elapsed(state: RecorderState, now: number): number {
  switch (state.kind) {
    case "recording":
      return state.before + Math.max(0, now - state.since);
    case "paused":
    case "stopping":
      return state.before;
    default:
      return 0;
  }
}

/** Why nothing can be recorded. */
export class CaptureFailure extends Error {
  constructor(readonly code: CaptureErrorCode) {
    super(code);
  }
}

const BY_EXCEPTION: Record<string, CaptureErrorCode> = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "no_microphone",
  OverconstrainedError: "no_microphone",
  NotReadableError: "busy",
  AbortError: "busy",
};

/** What a refused `getUserMedia` means to a person. */
export function captureError(error: unknown): CaptureErrorCode {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  return BY_EXCEPTION[name] ?? "failed";
}
