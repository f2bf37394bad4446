import { type Accessor, createSignal, onCleanup } from "solid-js";

/** Whether the page is in front: one in the background is not worth a request. */
export function createVisible(): Accessor<boolean> {
  const look = (): boolean => document.visibilityState === "visible";
  const [visible, setVisible] = createSignal(look());
  const onChange = (): void => {
    setVisible(look());
  };
  document.addEventListener("visibilitychange", onChange);
  onCleanup(() => document.removeEventListener("visibilitychange", onChange));
  return visible;
}
