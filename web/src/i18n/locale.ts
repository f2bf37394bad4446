import { createSignal } from "solid-js";
import { load, save } from "../io/storage";
import { bytes } from "../lib/bytes";
import { chooseLocale, type Locale } from "./choose";
import { en, type Texts } from "./en";
import { zhTW } from "./zh-tw";

const KEY = "locale";
const TEXTS: Record<Locale, Texts> = { en, "zh-TW": zhTW };

const [locale, setLocaleSignal] = createSignal<Locale>(chooseLocale(load(KEY), navigator.languages));

export { locale };

export function setLocale(chosen: Locale): void {
  save(KEY, chosen);
  setLocaleSignal(chosen);
}

/** The texts in the language of the page. */
export function t(): Texts {
  return TEXTS[locale()];
}

export function textsOf(other: Locale): Texts {
  return TEXTS[other];
}

export function percent(ratio: number): string {
  return new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 0 }).format(ratio);
}

export function count(value: number): string {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: 2 }).format(value);
}

export function size(value: number): string {
  return bytes(value, locale());
}

export function dateAndTime(iso: string): string {
  const date = new Date(iso);
  const day = { year: "numeric", month: "short", day: "numeric" } as const;
  return new Intl.DateTimeFormat(locale(), { ...day, hour: "2-digit", minute: "2-digit" }).format(date);
}

export function timeOfDay(date: Date): string {
  return new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit" }).format(date);
}
