import { type Accessor, createEffect, on, onCleanup, onMount } from "solid-js";

/** Keeps the focus in an area whose controls are exchanged: without this, a keyboard user is thrown back to the top. */
export function keepFocus(area: () => HTMLElement | undefined, shape: Accessor<unknown>): void {
  let within = false;
  const onFocusIn = (): void => {
    within = true;
  };
  const onFocusOut = ({ target }: FocusEvent): void => {
    // A control that was taken away has not been left by the user.
    queueMicrotask(() => {
      if (target instanceof Element && target.isConnected) within = area()?.contains(document.activeElement) ?? false;
    });
  };

  onMount(() => {
    area()?.addEventListener("focusin", onFocusIn);
    area()?.addEventListener("focusout", onFocusOut);
  });
  onCleanup(() => {
    area()?.removeEventListener("focusin", onFocusIn);
    area()?.removeEventListener("focusout", onFocusOut);
  });
  createEffect(
    on(
      shape,
      () => {
        if (within && !area()?.contains(document.activeElement))
          area()?.querySelector("button")?.focus({ preventScroll: true });
      },
      { defer: true },
    ),
  );
}
