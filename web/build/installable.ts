import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Plugin, type Rolldown } from "vite";
import { LOCALES } from "../src/i18n/choose";
import { loadTexts } from "../src/i18n/dictionaries";
import { manifestName, manifestOf } from "../src/lib/manifest";

const WORKER = "service-worker.js";
const ENTRY = "index.html";
/** Files of `public` that the app needs when there is no network. */
const PUBLIC = ["theme.js", "old-browsers.js", "favicon.svg"];
type Bundle = Rolldown.OutputBundle;

/** Emits a manifest in each language, and the service worker with the list of what it keeps. */
export function installable(): Plugin {
  let root = "";
  return {
    name: "installable",
    apply: "build",
    enforce: "post",
    configResolved(config) {
      root = config.root;
    },
    generateBundle: {
      order: "post",
      async handler(_options, bundle) {
        // A build for old browsers, beside this one, has no page of its own; they have no service workers either.
        if (!bundle[ENTRY]) return;
        for (const locale of LOCALES) {
          const source = JSON.stringify(manifestOf(locale, await loadTexts(locale)), null, 1);
          this.emitFile({ type: "asset", fileName: manifestName(locale), source });
        }
        const shell = shellOf(bundle, (name) => readFileSync(join(root, "public", name)));
        this.emitFile({ type: "asset", fileName: WORKER, source: await workerCode(root, shell) });
        this.info(`the service worker keeps ${shell.files.length} files, version ${shell.version}`);
      },
    },
  };
}

/** The page and all that its scripts may ask for, and a digest of it. */
export function shellOf(bundle: Bundle, read: (name: string) => Uint8Array): { version: string; files: string[] } {
  const names = [...reachable(bundle)].sort();
  const digest = createHash("sha256");
  for (const name of [ENTRY, ...names]) digest.update(name).update(contents(bundle[name]));
  for (const name of PUBLIC) digest.update(name).update(read(name));
  const files = ["", ...names, ...PUBLIC].map((name) => `/${name}`);
  return { version: digest.digest("hex").slice(0, 12), files };
}

function reachable(bundle: Bundle): Set<string> {
  const found = new Set<string>();
  const add = (name: string): void => {
    const file = bundle[name];
    if (!file || found.has(name)) return;
    found.add(name);
    if (file.type !== "chunk") return;
    for (const next of [...file.imports, ...file.dynamicImports]) add(next);
    const { importedCss, importedAssets } = file.viteMetadata ?? { importedCss: [], importedAssets: [] };
    for (const next of [...importedCss, ...importedAssets]) add(next);
  };
  for (const file of Object.values(bundle)) {
    const isApp = file.type === "chunk" && file.isEntry && file.facadeModuleId?.endsWith(`/${ENTRY}`);
    if (isApp && !file.facadeModuleId?.endsWith(`/docs/${ENTRY}`)) add(file.fileName);
  }
  return found;
}

function contents(file: Bundle[string] | undefined): string | Uint8Array {
  if (!file) return "";
  return file.type === "chunk" ? file.code : file.source;
}

/** One classic script, which every browser with service workers can run. */
async function workerCode(root: string, shell: object): Promise<string> {
  const built = await build({
    root,
    configFile: false,
    publicDir: false,
    logLevel: "error",
    define: { SHELL: JSON.stringify(shell) },
    build: {
      write: false,
      target: "chrome64",
      lib: { entry: join(root, "src/worker/service-worker.ts"), formats: ["iife"], name: "worker", fileName: "worker" },
    },
  });
  const [first] = Array.isArray(built) ? built : [built];
  const chunk = first && "output" in first ? first.output[0] : undefined;
  if (!chunk) throw new Error("the service worker was not built");
  return chunk.code;
}
