/// <reference lib="webworker" />
import { cacheName, outdated, sourceOf } from "./plan";

declare const self: ServiceWorkerGlobalScope;
/** Put in by the build: a digest of the files, and their addresses. */
declare const SHELL: { version: string; files: string[] };

const NAME = cacheName(SHELL.version);
const PAGE = "/";

/** All files or none: a version that is not whole is never used. */
async function keep(): Promise<void> {
  const cache = await caches.open(NAME);
  // What has no digest in its name may be in the browser's own cache from the version before.
  await cache.addAll(SHELL.files.map((file) => new Request(file, { cache: "no-cache" })));
}

async function drop(): Promise<void> {
  const names = outdated(await caches.keys(), NAME);
  await Promise.all(names.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function kept(request: Request | string, options?: MultiCacheQueryOptions): Promise<Response> {
  const found = await caches.match(request, options);
  return found ?? fetch(request);
}

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(drop()));
self.addEventListener("message", (event) => {
  // Somebody has agreed: until then the version before goes on, and so does a recording in it.
  if (event.data === "activate") void self.skipWaiting();
});
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const source = sourceOf(request, self.location.origin, SHELL.files);
  if (source === "page") event.respondWith(kept(PAGE, { cacheName: NAME }));
  else if (source === "file") event.respondWith(kept(request, { cacheName: NAME }));
  else if (source === "any") event.respondWith(kept(request));
});
