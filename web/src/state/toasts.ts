import { createSignal } from "solid-js";

export interface Toast {
  text: string;
  tone?: "plain" | "bad";
  /** Such as "Undo"; the toast goes when it is chosen. */
  action?: { label: string; run: () => void };
}

export interface ShownToast extends Toast {
  id: number;
}

/** Long enough to read it and to reach the button. */
const SHOWN_MS = 10_000;
const MOST = 3;

const [toasts, setToasts] = createSignal<readonly ShownToast[]>([]);
let lastId = 0;
const timers = new Map<number, ReturnType<typeof setTimeout>>();

export { toasts };

/** Says what was done, at the edge of the page, for a while. */
export function showToast(toast: Toast): void {
  const id = ++lastId;
  setToasts((shown) => [...shown.slice(1 - MOST), { ...toast, id }]);
  resumeToast(id);
}

export function dismissToast(id: number): void {
  holdToast(id);
  setToasts((shown) => shown.filter((toast) => toast.id !== id));
}

/** It does not go while somebody is at it. */
export function holdToast(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
}

export function resumeToast(id: number): void {
  holdToast(id);
  timers.set(
    id,
    setTimeout(() => dismissToast(id), SHOWN_MS),
  );
}
