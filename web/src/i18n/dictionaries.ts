import type { Locale } from "./choose";
import type { Texts } from "./en";

/** Texts of which some may be missing. */
export type Partially<T> = { [K in keyof T]?: T[K] extends (...args: never[]) => string ? T[K] : Partially<T[K]> };
export type PartialTexts = Partially<Texts>;

/** Each language is a file of its own, asked for when it is chosen. */
const WHOLE = {
  en: async () => (await import("./en")).en,
  "zh-TW": async () => (await import("./zh-tw")).zhTW,
};
const PARTIAL: Record<Exclude<Locale, keyof typeof WHOLE>, () => Promise<PartialTexts>> = {
  ja: async () => (await import("./ja")).ja,
  id: async () => (await import("./id")).id,
  vi: async () => (await import("./vi")).vi,
  fil: async () => (await import("./fil")).fil,
  th: async () => (await import("./th")).th,
};

/** The texts of a language; what it lacks is in English. Rejects where the file cannot be had. */
export async function loadTexts(locale: Locale): Promise<Texts> {
  if (locale === "en" || locale === "zh-TW") return WHOLE[locale]();
  const [texts, english] = await Promise.all([PARTIAL[locale](), WHOLE.en()]);
  return overlaid(english, texts);
}

/** `base` with what `over` has in the place of its own. */
export function overlaid<T>(base: T, over: Partially<T>): T {
  const pairs = Object.entries(base as object).map(([key, value]) => {
    const other = (over as Record<string, unknown>)[key];
    if (other === undefined) return [key, value];
    return [key, typeof value === "object" ? overlaid(value, other as object) : other];
  });
  return Object.fromEntries(pairs) as T;
}
