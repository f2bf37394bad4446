/** Keeps the screen on where the browser can, until the function that it returns is called. */
export function keepScreenOn(): () => void {
  let lock: WakeLockSentinel | null = null;
  let released = false;
  const acquire = async (): Promise<void> => {
    if (document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    try {
      lock = await navigator.wakeLock.request("screen");
      if (released) void lock.release();
    } catch {
      // Refused when the battery is low: recording goes on without.
    }
  };
  // The browser takes the lock away whenever the page is hidden.
  document.addEventListener("visibilitychange", acquire);
  void acquire();
  return () => {
    released = true;
    document.removeEventListener("visibilitychange", acquire);
    void lock?.release();
  };
}
