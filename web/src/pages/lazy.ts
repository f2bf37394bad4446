import { type Component, lazy } from "solid-js";

const AGAIN_MS = 1000;

type Load = () => Promise<{ default: Component }>;

/** A page whose files are asked for when it is opened, and once more where the network failed. */
export function lazyPage(load: Load): Component & { preload: () => Promise<unknown> } {
  const again: Load = async () => {
    await new Promise((done) => setTimeout(done, AGAIN_MS));
    return load();
  };
  return lazy(() => load().catch(again));
}
