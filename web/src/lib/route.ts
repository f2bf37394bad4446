/** The pages of the app. The address after `#/` names one, so that a reload and the browser's own way back work. */
export type Route = "home" | "models";

export const ADDRESS: Record<Route, string> = { home: "#/", models: "#/models" };

/** The page that a hash leads to; one that is only a place in the page leads nowhere else. */
export function routeOf(hash: string, current: Route): Route {
  if (hash === ADDRESS.models) return "models";
  return hash === "" || hash.startsWith("#/") ? "home" : current;
}
