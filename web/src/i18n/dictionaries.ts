import type { Locale } from "./choose";
import type { Texts } from "./en";

/** Each language is a file of its own, asked for when it is chosen. */
const LOADERS: Record<Locale, () => Promise<Texts>> = {
  en: async () => (await import("./en")).en,
  "zh-TW": async () => (await import("./zh-tw")).zhTW,
  ja: async () => (await import("./ja")).ja,
  id: async () => (await import("./id")).id,
  vi: async () => (await import("./vi")).vi,
  fil: async () => (await import("./fil")).fil,
  th: async () => (await import("./th")).th,
};

/** The texts of a language. Rejects where the file cannot be had. */
export function loadTexts(locale: Locale): Promise<Texts> {
  return LOADERS[locale]();
}
