/** What old browsers lack beside the language, as far as the app or its libraries do not cope without it. */
import "whatwg-fetch";
import "abortcontroller-polyfill/dist/polyfill-patch-fetch";
import { ResizeObserver } from "@juggle/resize-observer";
import "../polyfills";
import { keysByName } from "./keys";
import { microphoneOf } from "./microphone";
import { composedPath, contains, nodesAndTexts, rootOf, unshadowed } from "./nodes";
import { followedByEvents, playingTold, scrollByOptions } from "./older-ways";
import { pointFromMouse } from "./pointer";
import { completeRequests } from "./requests";

/** Gives an object what it lacks, and leaves alone what it has. */
function complete(target: object, lacking: Record<string, PropertyDescriptor>): void {
  for (const [name, descriptor] of Object.entries(lacking)) {
    if (!(name in target)) Object.defineProperty(target, name, { configurable: true, ...descriptor });
  }
}

complete(window, {
  ResizeObserver: { value: ResizeObserver, writable: true },
  isSecureContext: { value: location.protocol === "https:" || /^(localhost|127\.0\.0\.1)$/.test(location.hostname) },
});
complete(Node.prototype, { isConnected: { get: contains }, getRootNode: { value: rootOf } });
complete(Element.prototype, { append: { value: nodesAndTexts }, attachShadow: { value: unshadowed } });
complete(Event.prototype, { composedPath: { value: composedPath } });
complete(KeyboardEvent.prototype, { key: { get: keysByName } });
completeRequests(window);
if (navigator.mediaDevices) complete(navigator.mediaDevices, { getUserMedia: { value: microphoneOf(navigator) } });
if (!("PointerEvent" in window)) pointFromMouse(document);
followedByEvents(MediaQueryList.prototype);
playingTold(HTMLMediaElement.prototype);
if (!("scrollBehavior" in document.documentElement.style)) scrollByOptions(window);
