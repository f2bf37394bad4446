import { type Accessor, createEffect, createSignal } from "solid-js";
import { t } from "../i18n/locale";
import { keepApp, type NewVersion } from "../io/app-version";
import { showToast } from "./toasts";

const REMIND_MS = 600_000;

/** Offers new versions of the app. One that is agreed to waits until nothing of a recording would be lost. */
export function offerUpdates(atRisk: Accessor<boolean>): void {
  const [agreed, setAgreed] = createSignal<NewVersion | null>(null);
  let offeredAt = Number.NEGATIVE_INFINITY;

  const offer = (version: NewVersion): void => {
    if (agreed() || performance.now() - offeredAt < REMIND_MS) return;
    offeredAt = performance.now();
    const run = (): void => {
      if (atRisk()) showToast({ text: t().update.later });
      setAgreed(version);
    };
    showToast({ text: t().update.ready, action: { label: t().update.update, run } });
  };
  createEffect(() => {
    if (!atRisk()) agreed()?.use();
  });
  // Not while one works on the app: what is changed would not be seen. Nor in old browsers: what is kept is not for them.
  if (import.meta.env.MODE === "production") void keepApp(offer);
}
