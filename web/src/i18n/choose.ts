export const LOCALES = ["zh-TW", "en"] as const;
export type Locale = (typeof LOCALES)[number];

/** The language chosen before, else the first of the browser's that the page speaks, else Traditional Chinese. */
export function chooseLocale(saved: string | null, preferred: readonly string[]): Locale {
  const known = LOCALES.find((locale) => locale === saved);
  if (known) return known;
  for (const tag of preferred) {
    const language = tag.toLowerCase().split("-")[0];
    if (language === "zh") return "zh-TW";
    if (language === "en") return "en";
  }
  return "zh-TW";
}
