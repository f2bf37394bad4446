import { readFileSync } from "node:fs";
import type { Rolldown } from "vite";
import { expect, it } from "vitest";
import { LOCALES } from "../src/i18n/choose";
import { PATHS } from "../src/lib/pages";
import { pageModules, preloadsOf } from "./preloads";

const ROOT = "/app";
const SOURCE = readFileSync(new URL("../src/pages/index.ts", import.meta.url), "utf8");

function chunk(fileName: string, source: string | null, imports: string[] = [], styles: string[] = []): object {
  const facadeModuleId = source && `${ROOT}/${source}`;
  const viteMetadata = { importedCss: new Set(styles), importedAssets: new Set() };
  return { type: "chunk", fileName, facadeModuleId, imports, viteMetadata };
}

const CHUNKS = {
  "entry.js": chunk("entry.js", "index.html", ["shared.js"], ["entry.css"]),
  "shared.js": chunk("shared.js", null),
  "menu.js": chunk("menu.js", null, ["shared.js"], ["menu.css"]),
  "library.js": chunk("library.js", "src/pages/library/page.tsx", ["shared.js", "menu.js"], ["entry.css", "list.css"]),
  ...Object.fromEntries(LOCALES.map((tag) => [tag, chunk(`${tag}.js`, `src/i18n/${tag.toLowerCase()}.ts`)])),
} as unknown as Rolldown.OutputBundle;

it("knows the file of every page from the list that the app goes by", () => {
  const modules = pageModules(SOURCE);
  expect(Object.keys(modules)).toEqual(Object.values(PATHS));
  expect(modules["/library/trash"]).toBe("src/pages/library/trash-page.tsx");
});

it("does not pass over a page of which it finds no file", () => {
  expect(() => pageModules(SOURCE.replace("./help/page", ""))).toThrow("help");
  expect(() => preloadsOf(CHUNKS, ROOT, { "/help": "src/pages/help/page.tsx" })).toThrow("help/page.tsx");
});

it("lists what a page needs beside the files of the app itself, style sheets too", () => {
  const { pages, texts } = preloadsOf(CHUNKS, ROOT, { "/library": "src/pages/library/page.tsx" });
  expect(pages).toEqual({ "/library": ["/library.js", "/menu.js", "/menu.css", "/list.css"] });
  expect(texts.fil).toBe("/fil.js");
});
