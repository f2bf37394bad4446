import { type Accessor, createSignal, onCleanup, onMount } from "solid-js";
import { fetchStatus } from "../io/status";
import { isReady, type Service } from "../lib/service";

const UNREADY_MS = 2000;
const READY_MS = 15_000;

/** What the service says of itself, asked again and again. */
export function createService(): Accessor<Service> {
  const [service, setService] = createSignal<Service>({ kind: "loading" });
  let timer: ReturnType<typeof setTimeout> | undefined;

  const poll = async (): Promise<void> => {
    clearTimeout(timer);
    const status = await fetchStatus();
    setService(status ? { kind: "known", status } : { kind: "offline" });
    clearTimeout(timer);
    timer = setTimeout(poll, isReady(service()) ? READY_MS : UNREADY_MS);
  };
  const onVisible = (): void => {
    if (document.visibilityState === "visible") void poll();
  };

  onMount(() => {
    void poll();
    // A phone that was in a pocket has an old answer.
    document.addEventListener("visibilitychange", onVisible);
    window.addEventListener("online", onVisible);
  });
  onCleanup(() => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", onVisible);
    window.removeEventListener("online", onVisible);
  });
  return service;
}
