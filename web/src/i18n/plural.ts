/** The forms of a counted thing; `#` stands for the number. Which of them a language has is for `Intl` to know. */
export type Forms = { other: string } & Partial<Record<Intl.LDMLPluralRule, string>>;

/** Counts in one language: `plural(2, { one: "# file", other: "# files" })`. */
export function pluralIn(locale: string): (count: number, forms: Forms) => string {
  // Safari has them since version 13.
  const rules = "PluralRules" in Intl ? new Intl.PluralRules(locale) : null;
  const numbers = new Intl.NumberFormat(locale);
  return (count, forms) => (forms[rules?.select(count) ?? "other"] ?? forms.other).replace("#", numbers.format(count));
}
