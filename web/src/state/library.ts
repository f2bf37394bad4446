import { type Accessor, batch, createComputed, createEffect, createSignal, on, onCleanup } from "solid-js";
import { createStore, reconcile } from "solid-js/store";
import type { Answer } from "../api/client";
import { type FoundRecording, type FoundRecordings, findRecordings } from "../api/library";
import type { Filters } from "../api/recordings";
import { isUnderway } from "../lib/recording-state";
import type { Problem } from "../lib/types";
import { createVisible } from "./visible";

const PAGE = 50;
const LONGEST_PAGE = 200;
/** Down to what is underway soon, everything now and again: others add to the library too. */
const SOON_MS = 3000;
const LATER_MS = 20_000;

export type Library = ReturnType<typeof createLibrary>;

/** The recordings that the filters ask for, page by page, kept as they are on the server while one looks at them. */
export function createLibrary(filters: Accessor<Filters>) {
  const [items, setItems] = createStore<FoundRecording[]>([]);
  const [next, setNext] = createSignal<string | null>(null);
  const [total, setTotal] = createSignal<FoundRecordings["total"] | null>(null);
  const [problem, setProblem] = createSignal<Problem | null>(null);
  /** "first": nothing is here yet; "others": what is here answers another question; "more": the next page comes. */
  const [loading, setLoading] = createSignal<"first" | "others" | "more" | null>("first");
  let abort = new AbortController();

  const put = (page: FoundRecordings, all: FoundRecording[]): void => {
    setItems(reconcile(all, { key: "id" }));
    setNext(page.next);
    if (page.total) setTotal(page.total);
  };
  /** Asks alone: what was asked before is not waited for any more. */
  const asked = async (query: Filters, take: (page: FoundRecordings) => void): Promise<void> => {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    const answer: Answer<FoundRecordings> = await findRecordings(query, signal);
    if (signal.aborted) return;
    batch(() => {
      setLoading(null);
      setProblem(answer.ok ? null : answer.problem);
      if (answer.ok) take(answer.value);
    });
  };
  const load = (wanted: Filters): Promise<void> => {
    setLoading((now) => (now === "first" ? now : "others"));
    return asked({ ...wanted, limit: PAGE, count: true }, (page) => put(page, page.items));
  };
  const more = async (): Promise<void> => {
    const cursor = next();
    if (!cursor || loading()) return;
    setLoading("more");
    await asked({ ...filters(), limit: PAGE, cursor }, (page) => put(page, [...items, ...without(page.items, items)]));
  };
  /** The same again; what stands behind the longest page that the server gives stays as it was. */
  const refresh = async (): Promise<void> => {
    if (loading()) return;
    const limit = Math.min(LONGEST_PAGE, Math.max(PAGE, items.length));
    await asked({ ...filters(), limit, count: true }, (page) => {
      const behind = items.slice(limit);
      const cursor = behind.length > 0 ? next() : page.next;
      put({ ...page, next: cursor }, [...page.items, ...without(behind, page.items)]);
    });
  };
  /** How far those are that are underway; the rows below the last of them are not asked for. */
  const follow = async (): Promise<void> => {
    const limit = Math.min(LONGEST_PAGE, lastOf(items, isUnderway) + 1);
    if (loading() || limit === 0) return;
    const before = items.slice(0, limit);
    await asked({ ...filters(), limit }, ({ items: rows }) => {
      if (haveSameIds(rows, before)) setItems(reconcile([...rows, ...items.slice(limit)], { key: "id" }));
      else void refresh();
    });
  };
  /** Takes away at once what is not here any more. */
  const remove = (ids: readonly string[]): void => {
    const gone = new Set(ids);
    const left = items.filter(({ id }) => !gone.has(id));
    setTotal((now) => now && { ...now, count: Math.max(0, now.count - (items.length - left.length)) });
    setItems(reconcile(left, { key: "id" }));
  };

  createComputed(on(filters, (wanted) => void load(wanted)));
  keepFresh({ items, refresh, follow, retry: () => (items.length > 0 ? refresh() : load(filters())), problem });
  onCleanup(() => abort.abort());
  return { items, next, total, problem, loading, more, refresh, remove, retry: () => load(filters()) };
}

/** The place of the last one; `findLastIndex` is missing in browsers before 2022. */
function lastOf<T>(all: readonly T[], is: (one: T) => boolean): number {
  return all.reduce((last, one, index) => (is(one) ? index : last), -1);
}

function without(some: readonly FoundRecording[], others: readonly FoundRecording[]): FoundRecording[] {
  const known = new Set(others.map(({ id }) => id));
  return some.filter(({ id }) => !known.has(id));
}

function haveSameIds(some: readonly FoundRecording[], others: readonly FoundRecording[]): boolean {
  return some.length === others.length && some.every(({ id }, index) => id === others[index]?.id);
}

interface Fresh {
  items: readonly FoundRecording[];
  refresh: () => Promise<void>;
  follow: () => Promise<void>;
  retry: () => Promise<void>;
  problem: Accessor<Problem | null>;
}

/** Looks again while the page is in front, and at once when it comes there or the network is back. */
function keepFresh({ items, refresh, follow, retry, problem }: Fresh): void {
  const visible = createVisible();
  createEffect(() => {
    if (!visible()) return;
    const timer = setInterval(() => void refresh(), LATER_MS);
    onCleanup(() => clearInterval(timer));
  });
  createEffect(() => {
    if (!visible() || !items.some(isUnderway)) return;
    const timer = setInterval(() => void follow(), SOON_MS);
    onCleanup(() => clearInterval(timer));
  });
  createEffect(on(visible, (now) => now && void refresh(), { defer: true }));
  const onOnline = (): void => {
    if (problem()) void retry();
  };
  window.addEventListener("online", onOnline);
  onCleanup(() => window.removeEventListener("online", onOnline));
}
