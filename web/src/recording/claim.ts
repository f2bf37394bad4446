/** Without locks a recording that was touched this recently may still be going on in another window. */
export const FRESH_MS = 15_000;

export const canClaim = (): boolean => "locks" in navigator;

/**
 * Resolves once no other window works on this recording, with the function that lets go of it. A window that is closed or
 * crashes lets go by itself. Without locks nobody waits: the service then refuses whoever is behind.
 */
export function claim(id: string): Promise<() => void> {
  if (!canClaim()) return Promise.resolve(() => undefined);
  return new Promise((claimed) => {
    const held = (): Promise<void> => new Promise((release) => claimed(release));
    navigator.locks.request(`care-voice.${id}`, held).catch(() => claimed(() => undefined));
  });
}
