/** The languages of the page, each by its own name, for whoever reads no other: those who give and receive care in Taiwan. */
export const LANGUAGE_NAMES = {
  "zh-TW": "正體中文",
  en: "English",
  ja: "日本語",
  id: "Bahasa Indonesia",
  vi: "Tiếng Việt",
  fil: "Filipino",
  th: "ไทย",
} as const;

export type Locale = keyof typeof LANGUAGE_NAMES;
export const LOCALES = Object.keys(LANGUAGE_NAMES) as Locale[];

/** What else browsers call a language of the page. */
const OTHER_NAMES: Record<string, Locale> = { zh: "zh-TW", tl: "fil", in: "id" };

/** The language chosen before, else the first of the browser's that the page speaks, else Traditional Chinese. */
export function chooseLocale(saved: string | null, preferred: readonly string[]): Locale {
  const known = LOCALES.find((locale) => locale === saved);
  if (known) return known;
  for (const tag of preferred) {
    const language = tag.toLowerCase().split("-")[0] ?? "";
    const found = OTHER_NAMES[language] ?? LOCALES.find((locale) => locale === language);
    if (found) return found;
  }
  return "zh-TW";
}
