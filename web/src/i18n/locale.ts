import { createSignal } from "solid-js";
import { load, save, tell } from "../io/storage";
import { bytes } from "../lib/bytes";
import { chooseLocale, type Locale } from "./choose";
import { loadTexts } from "./dictionaries";
import type { Texts } from "./en";
import { type Forms, pluralIn } from "./plural";

const KEY = "locale";

interface Spoken {
  locale: Locale;
  texts: Texts;
}

const [spoken, setSpoken] = createSignal<Spoken | null>(null);

/** Loads the texts of the user's language; nothing can be shown before. Rejects where they cannot be had. */
export async function startLocale(): Promise<void> {
  const locale = chooseLocale(load(KEY), navigator.languages);
  speak({ locale, texts: await loadTexts(locale) });
}

function speak(now: Spoken): void {
  setSpoken(now);
  // The texts of this language then come along with the next page (api/preloads.py).
  tell(KEY, now.locale);
  setTimeout(warmUp);
}

/** The first date of a page takes the browser as long as all else that is shown: this is while the service is asked. */
function warmUp(): void {
  const now = new Date().toISOString();
  dateAndTime(now);
  count(1);
}

let wanted: Locale | null = null;

/** Changes to a language once its texts are here; false where they cannot be had, and then all stays as it is. */
export async function setLocale(locale: Locale): Promise<boolean> {
  wanted = locale;
  try {
    const texts = await loadTexts(locale);
    // Another one was chosen meanwhile.
    if (wanted !== locale) return true;
    save(KEY, locale);
    speak({ locale, texts });
    return true;
  } catch {
    return false;
  }
}

export function locale(): Locale {
  return known().locale;
}

/** The texts in the language of the page. */
export function t(): Texts {
  return known().texts;
}

function known(): Spoken {
  const now = spoken();
  if (!now) throw new Error("texts are asked for before startLocale() has loaded them");
  return now;
}

export function percent(ratio: number): string {
  return new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 0 }).format(ratio);
}

export function count(value: number): string {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: 2 }).format(value);
}

/** A number of things: `counted(2, t().library.recordings)`. */
export function counted(value: number, forms: Forms): string {
  return pluralIn(locale())(value, forms);
}

/** One after the other, as the language writes them; what is empty is left out. Chinese and Japanese put no space between. */
export function sentences(...all: string[]): string {
  return all.filter(Boolean).join(/^(?:zh|ja)/u.test(locale()) ? "" : " ");
}

export function size(value: number): string {
  return bytes(value, locale());
}

export function dateAndTime(iso: string): string {
  const date = new Date(iso);
  const day = { year: "numeric", month: "short", day: "numeric" } as const;
  return new Intl.DateTimeFormat(locale(), { ...day, hour: "2-digit", minute: "2-digit" }).format(date);
}

/** The same without the year, for a name beside which the whole date stands. */
export function shortDateAndTime(iso: string): string {
  const shape = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" } as const;
  return new Intl.DateTimeFormat(locale(), shape).format(new Date(iso));
}

export function day(iso: string): string {
  return new Intl.DateTimeFormat(locale(), { year: "numeric", month: "short", day: "numeric" }).format(new Date(iso));
}

export function timeOfDay(date: Date): string {
  return new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit" }).format(date);
}
