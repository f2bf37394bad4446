import { idle } from "./idle";

const WORKER = "/service-worker.js";
const LOOK_MS = 3_600_000;

export interface NewVersion {
  /** Uses it, and loads the page again. */
  use: () => void;
}

/** Keeps the app for when there is no network; tells when a new version of it is here and waits. */
export async function keepApp(onNewVersion: (version: NewVersion) => void): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  // It fetches all files of the app: not before this page has its own.
  await loaded();
  await idle();
  try {
    const registration = await navigator.serviceWorker.register(WORKER);
    watch(registration, onNewVersion);
  } catch {
    // Private windows and policies refuse it: the app works all the same, but only with the network.
  }
}

function loaded(): Promise<void> {
  if (document.readyState === "complete") return Promise.resolve();
  return new Promise((resolve) => window.addEventListener("load", () => resolve(), { once: true }));
}

function watch(registration: ServiceWorkerRegistration, onNewVersion: (version: NewVersion) => void): void {
  const tell = (): void => {
    const { waiting } = registration;
    // The first version of all takes the place of nothing.
    if (waiting && navigator.serviceWorker.controller) onNewVersion({ use: () => use(waiting) });
  };
  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", tell);
  });
  const look = (): void => {
    if (document.visibilityState !== "visible") return;
    registration.update().catch(() => undefined);
    tell();
  };
  setInterval(look, LOOK_MS);
  document.addEventListener("visibilitychange", look);
  tell();
}

function use(waiting: ServiceWorker): void {
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  waiting.postMessage("activate");
}

/** The name of the app where it is installed, in the language of the page. */
export function nameInstalledApp(manifest: string): void {
  document.querySelector('link[rel="manifest"]')?.setAttribute("href", `/${manifest}`);
}
