import { createSignal } from "solid-js";
import { load, save } from "../io/storage";

const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "theme";
const [theme, setTheme] = createSignal<Theme>(THEMES.find((known) => known === load(KEY)) ?? "auto");

export { theme };

/** Goes on to the next theme. `public/theme.js` applies the saved one before the page is painted. */
export function cycleTheme(): void {
  const chosen = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length] ?? "auto";
  setTheme(chosen);
  save(KEY, chosen);
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}
