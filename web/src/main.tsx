import { render } from "solid-js/web";
import { App } from "./app";
import { startLocale } from "./i18n/locale";
import { redirected } from "./lib/pages";
import "./design/tokens.css";
import "./design/base.css";
import "./design/controls.css";
import "./design/shell.css";

/** The newest of what `polyfills.ts` brings: who has it has all of it. */
const COMPLETE = "at" in Array.prototype && "replaceAll" in String.prototype;

async function start(root: HTMLElement): Promise<void> {
  const address = redirected(location.hash);
  if (address) history.replaceState(null, "", address);
  try {
    if (!COMPLETE) await import("./polyfills");
    await startLocale();
    root.textContent = "";
    render(() => <App />, root);
  } catch {
    // Without its texts the app has nothing to say; the page itself holds a few words for this.
    document.getElementById("broken")?.removeAttribute("hidden");
  }
}

const root = document.getElementById("app");
if (!root) throw new Error("index.html has no #app");
// Browsers that run modules but lack these lack much else: as those without modules, they get the build that brings it.
// public/old-browsers.js loads that where nothing has begun.
if (typeof globalThis === "undefined" || typeof ResizeObserver === "undefined")
  throw new Error("too old for this build");
root.dataset.started = "";
void start(root);
