import { localProblem } from "../lib/problem";
import { next, type Sending, type SendingEvent, stepOf } from "./machine";
import type { Answer } from "./wire";

/** What a sender works with: the network and the bytes. */
export interface Ports {
  begin(begun: number): Promise<Answer>;
  ask(id: string): Promise<Answer>;
  /** `missing` where the bytes are not here. */
  append(id: string, from: number, to: number, signal: AbortSignal): Promise<Answer>;
  complete(id: string): Promise<Answer>;
  withdraw(id: string): Promise<Answer>;
  /** Takes what is complete out of the library. */
  trash(id: string): Promise<Answer>;
  /** Told of each state before the next step is taken from it. */
  onState(state: Sending): Promise<void>;
}

export type Sender = ReturnType<typeof createSender>;

/** Does what the machine decides, one thing at a time. */
export function createSender(first: Sending, ports: Ports) {
  let state = first;
  let running = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let abort: AbortController | null = null;

  const accept = (event: SendingEvent): void => {
    state = next(state, event);
  };
  const run = async (): Promise<void> => {
    if (running) return;
    running = true;
    clearTimeout(timer);
    for (;;) {
      await report();
      const step = stepOf(state, Date.now());
      if (step.do === "wait") timer = setTimeout(run, step.ms);
      if (step.do === "wait" || step.do === "rest") break;
      accept(timed(await perform(step).catch(notUnderstood)));
    }
    running = false;
  };
  /** Something may happen while it is told. */
  const report = async (): Promise<void> => {
    let told: Sending;
    do {
      told = state;
      await ports.onState(told);
    } while (told !== state);
  };
  const perform = (step: Exclude<ReturnType<typeof stepOf>, { do: "wait" | "rest" }>): Promise<Answer> => {
    const id = state.recordingId;
    if (step.do === "begin") return ports.begin(state.begun);
    if (id === null) return Promise.resolve({ type: "withdrawn" });
    if (step.do !== "append") return ports[step.do](id);
    abort = new AbortController();
    return ports.append(id, step.from, step.to, abort.signal);
  };
  return {
    state: () => state,
    run: () => void run(),
    tell: (event: SendingEvent): void => {
      accept(event);
      if (event.type === "hold" || event.type === "cancel") abort?.abort();
      // The page may be closed before the request that is under way has ended: what was given up must not come back.
      if (event.type === "cancel" && running) void report();
      void run();
    },
  };
}

/** Something between here and the service answers in its place. */
function notUnderstood(): Answer {
  const problem = localProblem("bad_answer");
  return { type: "failure", failure: { status: 0, problem, retryAfterMs: null, received: null } };
}

function timed(answer: Answer): SendingEvent {
  if (answer.type !== "failure") return answer;
  return { type: "failed", failure: answer.failure, now: Date.now(), chance: Math.random() };
}
