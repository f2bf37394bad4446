const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** A size as people read it: powers of 1000, as disks and downloads are sold, with three digits at most. */
export function bytes(value: number, locale: string): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  const scaled = value / 1000 ** power;
  // 999.9 MB is 1 GB once it is rounded.
  if (Math.round(scaled) >= 1000 && power < UNITS.length - 1) return bytes(1000 ** (power + 1), locale);
  const digits = power === 0 || scaled >= 100 ? 0 : 1;
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(scaled)} ${UNITS[power]}`;
}
