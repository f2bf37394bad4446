const REDUCED = window.matchMedia("(prefers-reduced-motion: reduce)");

/** Whether the user wants nothing to move by itself. */
export function calm(): boolean {
  return REDUCED.matches;
}
