import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin, Rolldown } from "vite";
import { LOCALES } from "../src/i18n/choose";
import { PATHS } from "../src/lib/pages";

const FILE = "preloads.json";
const ENTRY = "index.html";
/** Which file is which page: the list that the app itself goes by (`PAGES`). */
const PAGES = "src/pages/index.ts";
const PAGE = /path: PATHS\.(\w+), component: lazyPage\(\(\) => import\("\.\/([^"]+)"\)\)/g;

export interface Preloads {
  /** For each page the files that it needs beside those of index.html. */
  pages: Record<string, string[]>;
  /** The file of each language. */
  texts: Record<string, string>;
}

type Bundle = Rolldown.OutputBundle;
type Module = (source: string) => Rolldown.OutputChunk | undefined;

/**
 * Writes down what each page needs, which the service names in the head of its answer (api/preloads.py): the browser asks
 * for all of it at once, where it would learn of the language after the app, and of the page after the language.
 */
export function preloads(): Plugin {
  let root = "";
  return {
    name: "preloads",
    apply: "build",
    enforce: "post",
    configResolved(config) {
      root = config.root;
    },
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        // A build for old browsers, beside this one, has no page of its own.
        if (!bundle[ENTRY]) return;
        const list = preloadsOf(bundle, root, pageModules(readFileSync(join(root, PAGES), "utf8")));
        this.emitFile({ type: "asset", fileName: FILE, source: JSON.stringify(list, null, 1) });
      },
    },
  };
}

/** The module of each page's address, as `src/pages/index.ts` has them. */
export function pageModules(source: string): Record<string, string> {
  const modules = [...source.matchAll(PAGE)].map(([, name = "", file]) => [name, `src/pages/${file}.tsx`]);
  const byName = Object.fromEntries(modules) as Record<string, string>;
  const missing = Object.keys(PATHS).filter((name) => !byName[name]);
  if (missing.length > 0) throw new Error(`${PAGES} names no file of the pages ${missing.join(", ")}`);
  return Object.fromEntries(Object.entries(PATHS).map(([name, path]) => [path, byName[name] ?? ""]));
}

export function preloadsOf(bundle: Bundle, root: string, modules: Record<string, string>): Preloads {
  const chunks = Object.values(bundle).flatMap((file) => (file.type === "chunk" ? [file] : []));
  const chunkOf: Module = (source) => chunks.find(({ facadeModuleId }) => facadeModuleId === join(root, source));
  const known = needed(bundle, required(chunkOf, ENTRY));
  const page = (source: string): string[] =>
    [...needed(bundle, required(chunkOf, source))].filter((name) => !known.has(name)).map(address);
  const text = (locale: string): string => address(required(chunkOf, `src/i18n/${locale.toLowerCase()}.ts`).fileName);
  return {
    pages: Object.fromEntries(Object.entries(modules).map(([path, source]) => [path, page(source)])),
    texts: Object.fromEntries(LOCALES.map((locale) => [locale, text(locale)])),
  };
}

function required(chunkOf: Module, source: string): Rolldown.OutputChunk {
  const chunk = chunkOf(source);
  if (!chunk) throw new Error(`the build has no file of ${source}`);
  return chunk;
}

/** What a chunk cannot do without, itself first: what it imports, and its style sheets. */
function needed(bundle: Bundle, first: Rolldown.OutputChunk): Set<string> {
  const found = new Set<string>();
  const add = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    const file = bundle[name];
    if (file?.type !== "chunk") return;
    file.imports.forEach(add);
    for (const style of file.viteMetadata?.importedCss ?? []) found.add(style);
  };
  add(first.fileName);
  return found;
}

function address(fileName: string): string {
  return `/${fileName}`;
}
