import { type Accessor, batch, createComputed, createSignal, on, onCleanup } from "solid-js";
import type { Answer } from "../api/client";
import type { Problem } from "../lib/types";

export interface Load<T> {
  /** What was had last; it stays while it is asked for again. */
  value: Accessor<T | null>;
  /** Why it could not be had the last time. */
  problem: Accessor<Problem | null>;
  loading: Accessor<boolean>;
  reload: () => Promise<void>;
  /** Puts something in its place that is known already. */
  set: (change: (value: T) => T) => void;
}

/** What the server has for `source`, asked for again whenever that changes, and when the network is back. */
export function createLoad<S, T>(
  source: Accessor<S>,
  fetch: (source: S, signal: AbortSignal) => Promise<Answer<T>>,
): Load<T> {
  const [value, setValue] = createSignal<T | null>(null);
  const [problem, setProblem] = createSignal<Problem | null>(null);
  const [loading, setLoading] = createSignal(true);
  let abort = new AbortController();

  const run = async (wanted: S): Promise<void> => {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    setLoading(true);
    const answer = await fetch(wanted, signal);
    // What was asked for meanwhile comes by itself.
    if (signal.aborted) return;
    batch(() => {
      setLoading(false);
      setProblem(answer.ok ? null : answer.problem);
      if (answer.ok) setValue(() => answer.value);
    });
  };
  const reload = (): Promise<void> => run(source());
  const onOnline = (): void => {
    if (problem()) void reload();
  };

  createComputed(on(source, (wanted) => void run(wanted)));
  window.addEventListener("online", onOnline);
  onCleanup(() => {
    abort.abort();
    window.removeEventListener("online", onOnline);
  });
  return {
    value,
    problem,
    loading,
    reload,
    set: (change) => setValue((now) => (now === null ? null : change(now))),
  };
}
