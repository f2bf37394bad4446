import { createEffect, onCleanup } from "solid-js";

/** Lets the browser ask before the page is closed while that would lose something. */
export function warnBeforeLeaving(atRisk: () => boolean): void {
  const ask = (event: BeforeUnloadEvent): void => {
    event.preventDefault();
    event.returnValue = "";
  };
  // Registered only while it is needed: it keeps browsers from restoring the page quickly.
  createEffect(() => {
    if (!atRisk()) return;
    window.addEventListener("beforeunload", ask);
    onCleanup(() => window.removeEventListener("beforeunload", ask));
  });
}
