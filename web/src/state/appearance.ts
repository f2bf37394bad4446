import { createSignal } from "solid-js";
import { load, save } from "../io/storage";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];
export const CONTRASTS = ["auto", "more"] as const;
export type Contrast = (typeof CONTRASTS)[number];

const MORE = window.matchMedia("(prefers-contrast: more)");
const [theme, setThemeSignal] = createSignal<Theme>(THEMES.find((known) => known === load("theme")) ?? "auto");
const [contrast, setContrastSignal] = createSignal<Contrast>(load("contrast") === "more" ? "more" : "auto");

export { contrast, theme };

export function setTheme(chosen: Theme): void {
  setThemeSignal(chosen);
  save("theme", chosen);
  apply();
}

export function setContrast(chosen: Contrast): void {
  setContrastSignal(chosen);
  save("contrast", chosen);
  apply();
}

/** `public/theme.js` does the same before the page is painted. */
function apply(): void {
  const { dataset } = document.documentElement;
  if (theme() === "auto") delete dataset.theme;
  else dataset.theme = theme();
  if (contrast() === "more" || MORE.matches) dataset.contrast = "more";
  else delete dataset.contrast;
}

MORE.addEventListener("change", apply);
