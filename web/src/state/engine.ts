import type { Watcher } from "../recording/items";
import type { Outbox } from "../recording/outbox";

type Engine = typeof import("../recording/engine");

let loading: Promise<Engine> | null = null;

/** What records and sends. Rejects where its file cannot be had; the next call asks again. */
export function engine(): Promise<Engine> {
  loading ??= import("../recording/engine").catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** Does something with the outbox once it is there. */
export type WithOutbox = <T>(work: (outbox: Outbox) => T | Promise<T>) => Promise<T>;

export function createLateOutbox(watcher: Watcher): WithOutbox {
  let made: Outbox | null = null;
  return async (work) => {
    const { createOutbox } = await engine();
    made ??= createOutbox(watcher);
    return work(made);
  };
}
