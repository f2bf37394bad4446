import { type Accessor, createMemo, createSignal } from "solid-js";

export type Selection = ReturnType<typeof createSelection>;

/** Which of the shown recordings are chosen. One that is not shown any more is not chosen either. */
export function createSelection(shown: Accessor<readonly { id: string }[]>) {
  const [chosen, setChosen] = createSignal<ReadonlySet<string>>(new Set());
  /** Where a range begins. */
  let anchor: string | null = null;
  const ids = createMemo(() => shown().flatMap(({ id }) => (chosen().has(id) ? [id] : [])));

  const change = (some: readonly string[], into: boolean): void => {
    const now = new Set(chosen());
    for (const id of some) into ? now.add(id) : now.delete(id);
    setChosen(now);
  };
  return {
    ids,
    has: (id: string): boolean => chosen().has(id),
    any: (): boolean => ids().length > 0,
    toggle: (id: string): void => {
      anchor = id;
      change([id], !chosen().has(id));
    },
    /** Everything from where the last one was chosen to this one. */
    extend: (id: string): void => {
      const order = shown().map((one) => one.id);
      const [from, to] = [order.indexOf(anchor ?? id), order.indexOf(id)].sort((a, b) => a - b);
      change(order.slice(Math.max(0, from ?? 0), (to ?? 0) + 1), true);
    },
    all: (): void =>
      change(
        shown().map(({ id }) => id),
        true,
      ),
    clear: (): void => {
      anchor = null;
      setChosen(new Set<string>());
    },
  };
}
