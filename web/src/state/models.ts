import { type Accessor, batch, createEffect, createSignal, on, onCleanup } from "solid-js";
import { createStore, reconcile } from "solid-js/store";
import type { Answer } from "../api/client";
import {
  cancelOperation,
  fetchModels,
  type Model,
  type ModelList,
  type Operation,
  removeModel,
  startOperation,
} from "../api/models";
import { followOperation } from "../io/models";
import { type Ending, endings, isRunning, toFollow } from "../lib/models";
import type { Problem } from "../lib/types";
import { createVisible } from "./visible";

const RUNNING_MS = 2000;
const RESTING_MS = 5000;
/** Event streams that one page holds open; the list itself shows how the others go. */
const FOLLOWED = 2;

export type News = Ending | { name: string; kind: "remove"; state: "done" };
export type Models = ReturnType<typeof createModels>;

interface State {
  models: Model[];
  disk: ModelList["disk"] | null;
  /** Models about which a request is on its way. */
  pending: Record<string, boolean>;
  /** What the service answered to the last request about a model, where it refused. */
  refusals: Record<string, Problem | null>;
}

/** The models of the service, looked at again and again while their page is in front, and what can be done with them. */
export function createModels() {
  const [state, setState] = createStore<State>({ models: [], disk: null, pending: {}, refusals: {} });
  const [problem, setProblem] = createSignal<Problem | null>(null);
  const [news, setNews] = createSignal<News | null>(null);
  const watching = createVisible();

  const accept = ({ models, disk }: ModelList): void => {
    for (const ending of endings(state.models, models)) {
      setNews(ending);
      setState("refusals", ending.name, null);
    }
    setState("models", reconcile(models, { key: "name" }));
    setState("disk", disk);
  };
  const refresh = async (): Promise<void> => {
    const answer = await fetchModels();
    batch(() => {
      setProblem(answer.ok ? null : answer.problem);
      if (answer.ok) accept(answer.value);
    });
    followers.update(watching() ? toFollow(state.models, FOLLOWED) : []);
  };
  const followers = createFollowers((name, changes) => {
    setState("models", (model) => model.name === name && isRunning(model), "operation", changes);
  }, refresh);
  createPolling(watching, refresh, () => (state.models.some(isRunning) ? RUNNING_MS : RESTING_MS));
  createEffect(() => {
    if (!watching()) followers.update([]);
  });

  const request = async <T>(name: string, ask: () => Promise<Answer<T>>): Promise<boolean> => {
    setNews(null);
    setState("pending", name, true);
    const answer = await ask();
    setState("refusals", name, answer.ok ? null : answer.problem);
    await refresh();
    setState("pending", name, false);
    return answer.ok;
  };
  return {
    all: () => state.models,
    disk: () => state.disk,
    pending: (name: string) => state.pending[name] ?? false,
    refusal: (name: string) => state.refusals[name] ?? null,
    /** Why the list could not be had the last time. */
    problem,
    /** The last thing that ended, for those who do not see it. */
    news,
    refresh,
    start: (name: string, kind: Operation["kind"]) => request(name, () => startOperation(name, kind)),
    cancel: (name: string) => request(name, () => cancelOperation(name)),
    remove: async (name: string): Promise<void> => {
      if (await request(name, () => removeModel(name))) setNews({ name, kind: "remove", state: "done" });
    },
  };
}

/** One event stream for each operation that is followed. */
function createFollowers(onChange: (name: string, changes: Partial<Operation>) => void, onEnd: () => void) {
  const open = new Map<string, () => void>();
  const follow = (name: string): void => {
    const stop = followOperation(name, {
      onProgress: (progress, cancelling) => onChange(name, { progress, cancelling }),
      onEnd: () => {
        open.delete(name);
        onEnd();
      },
      // The next look at the list tries again.
      onLost: () => open.delete(name),
    });
    open.set(name, stop);
  };
  const update = (names: readonly string[]): void => {
    for (const [name, stop] of open) {
      if (names.includes(name)) continue;
      stop();
      open.delete(name);
    }
    for (const name of names) if (!open.has(name)) follow(name);
  };
  onCleanup(() => update([]));
  return { update };
}

/** Looks at once when there is somebody to look for, and then again after each `pause`, in milliseconds. */
function createPolling(watching: Accessor<boolean>, look: () => Promise<void>, pause: () => number): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const poll = async (): Promise<void> => {
    clearTimeout(timer);
    if (!watching()) return;
    await look();
    clearTimeout(timer);
    timer = setTimeout(poll, pause());
  };
  const onOnline = (): void => void poll();

  createEffect(on(watching, onOnline));
  window.addEventListener("online", onOnline);
  onCleanup(() => {
    clearTimeout(timer);
    window.removeEventListener("online", onOnline);
  });
}
