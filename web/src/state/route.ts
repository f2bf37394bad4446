import { type Accessor, createSignal, onCleanup } from "solid-js";
import { type Route, routeOf } from "../lib/route";

/** The page that the address names. */
export function createRoute(): Accessor<Route> {
  const [route, setRoute] = createSignal<Route>(routeOf(location.hash, "home"));
  const onHash = (): void => {
    setRoute((current) => routeOf(location.hash, current));
  };
  window.addEventListener("hashchange", onHash);
  onCleanup(() => window.removeEventListener("hashchange", onHash));
  return route;
}
