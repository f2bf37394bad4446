/** The longest that is waited for a quiet moment. */
const LONGEST_MS = 2000;

/** When the browser has nothing else to do; Safari, which cannot tell, a little later. */
export function idle(): Promise<void> {
  return new Promise((resolve) => {
    if ("requestIdleCallback" in window) requestIdleCallback(() => resolve(), { timeout: LONGEST_MS });
    else setTimeout(resolve, LONGEST_MS / 10);
  });
}
