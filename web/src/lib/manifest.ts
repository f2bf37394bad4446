import type { Locale } from "../i18n/choose";
import type { Texts } from "../i18n/en";
import { PATHS } from "./pages";

const FIRST: Locale = "zh-TW";

/** The page names the first one until it knows the language. */
export function manifestName(locale: Locale): string {
  return locale === FIRST ? "manifest.webmanifest" : `manifest.${locale}.webmanifest`;
}

/** What a device is told when the app is installed: https://www.w3.org/TR/appmanifest/ */
export function manifestOf(lang: Locale, { app, nav, record }: Texts): object {
  const icon = (size: number, src: string, purpose: string) =>
    ({ src, sizes: `${size}x${size}`, type: "image/png", purpose }) as const;
  return {
    // The same app in every language.
    id: "/",
    lang,
    name: `${app.name} – ${app.tagline}`,
    short_name: app.name,
    description: app.tagline,
    start_url: "/",
    scope: "/",
    display: "standalone",
    background_color: "#f5f8f8",
    theme_color: "#0f6b6b",
    categories: ["medical", "productivity"],
    icons: [
      { src: "/favicon.svg", sizes: "any", type: "image/svg+xml", purpose: "any" },
      icon(192, "/icon-192.png", "any"),
      icon(512, "/icon-512.png", "any"),
      icon(512, "/icon-maskable-512.png", "maskable"),
    ],
    shortcuts: [
      { name: record.start, url: PATHS.record },
      { name: nav.places.library, url: PATHS.library },
    ],
  };
}
