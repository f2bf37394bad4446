import type { SpokenLanguage } from "./types";

/** Spoken most often in Taiwan's care homes, by residents and by those who care for them. */
const COMMON = ["zh", "en", "ja", "id", "vi", "tl", "th"];

export interface LanguageChoice {
  code: string;
  label: string;
}

/** The languages of the service, the common ones apart, each by its name in the language of the page. */
export function languageChoices(
  offered: SpokenLanguage[],
  locale: string,
): { common: LanguageChoice[]; others: LanguageChoice[] } {
  const name = languageNamer(locale);
  const choices = offered.map(({ code, name: fallback }) => ({ code, label: name(code, fallback) }));
  const byCode = new Map(choices.map((choice) => [choice.code, choice]));
  return {
    common: COMMON.flatMap((code) => byCode.get(code) ?? []),
    others: choices.filter(({ code }) => !COMMON.includes(code)).sort((a, b) => a.label.localeCompare(b.label, locale)),
  };
}

/** Nothing was said: `Intl` would name this "root". */
export function isKnownLanguage(code: string): boolean {
  return code !== "und";
}

/** Browsers without `Intl.DisplayNames`, and codes it does not know, get the server's English name. */
export function languageNamer(locale: string): (code: string, fallback: string) => string {
  const names = displayNames(locale);
  return (code, fallback) => {
    try {
      const name = names?.of(code);
      return name === undefined || name === code ? capitalised(fallback) : name;
    } catch {
      return capitalised(fallback);
    }
  };
}

/** The server's names are in small letters. */
function capitalised(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function displayNames(locale: string): Intl.DisplayNames | null {
  return "DisplayNames" in Intl ? new Intl.DisplayNames([locale], { type: "language" }) : null;
}
