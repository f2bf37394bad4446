import { createHash } from "node:crypto";
import { join } from "node:path";
import { transformAsync } from "@babel/core";
import presetEnv from "@babel/preset-env";
import { parse } from "acorn";
import { build, minify, type Plugin, type Rolldown } from "vite";
import solid from "vite-plugin-solid";
import { olderStyle } from "./legacy-style";

/** The oldest that have `Proxy`, on which SolidJS stands. Before them, and in Internet Explorer, there is the form. */
export const LEGACY = ["chrome49", "edge15", "firefox52", "safari10"];
/** The language of 2015, as those understand it. */
export const LEGACY_ECMA = 2015;

const ENTRY = "src/legacy/main.ts";
/** As package.json has it. */
const CORE_JS = "3.51";
const LANGUAGE = /src\/legacy\/language\.ts$/;
const PAGE = "index.html";
/** In the page, where the names of the files are put. */
const LOADER = '<script src="/old-browsers.js"';

/** Adds the app as one classic script and one style sheet, which `public/old-browsers.js` loads where modules do not run. */
export function legacy(): Plugin {
  let root = "";
  return {
    name: "legacy",
    apply: "build",
    configResolved(config) {
      root = config.root;
    },
    generateBundle: {
      order: "post",
      async handler(_options, bundle) {
        const page = bundle[PAGE];
        if (page?.type !== "asset") return;
        const { script, style, others } = await legacyApp(root);
        const names = { script: hashed("legacy.js", script), style: hashed("legacy.css", style) };
        this.emitFile({ type: "asset", fileName: names.script, source: script });
        this.emitFile({ type: "asset", fileName: names.style, source: style });
        for (const { fileName, source } of others.filter((one) => !bundle[one.fileName])) {
          this.emitFile({ type: "asset", fileName, source });
        }
        page.source = withNames(String(page.source), names);
      },
    },
  };
}

export function withNames(page: string, { script, style }: { script: string; style: string }): string {
  const [before, after, more] = page.split(LOADER);
  if (before === undefined || after === undefined || more !== undefined) throw new Error(`${PAGE} has no ${LOADER}`);
  return `${before}${LOADER} data-script="/${script}" data-style="/${style}"${after}`;
}

interface LegacyApp {
  script: string;
  style: string;
  others: Rolldown.OutputAsset[];
}

async function legacyApp(root: string): Promise<LegacyApp> {
  const built = await build({
    root,
    configFile: false,
    publicDir: false,
    logLevel: "warn",
    mode: "legacy",
    plugins: [solid(), polyfilled()],
    css: { transformer: "lightningcss" },
    build: {
      write: false,
      // Babel comes after it, and has to see what was meant.
      target: "esnext",
      minify: false,
      cssMinify: true,
      cssTarget: LEGACY,
      cssCodeSplit: false,
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 2000,
      modulePreload: false,
      rolldownOptions: {
        input: join(root, ENTRY),
        // What `import.meta` is for does not come up in one script.
        checks: { emptyImportMeta: false, bundlerTimings: false },
        output: { format: "iife", codeSplitting: false },
      },
    },
  });
  const [first] = Array.isArray(built) ? built : [built];
  if (!first || !("output" in first)) throw new Error("the build for old browsers gave nothing");
  const app = partsOf(first.output);
  return { ...app, script: await inOldLanguage(app.script) };
}

function partsOf(files: Rolldown.RolldownOutput["output"]): LegacyApp {
  const chunks = files.flatMap((file) => (file.type === "chunk" ? [file] : []));
  const assets = files.flatMap((file) => (file.type === "asset" ? [file] : []));
  const style = assets.find(({ fileName }) => fileName.endsWith(".css"));
  const [chunk, ...more] = chunks;
  if (!chunk || !style || more.length > 0)
    throw new Error(`not one script and one style sheet: ${files.map((f) => f.fileName)}`);
  return { script: chunk.code, style: olderStyle(String(style.source)), others: assets.filter((one) => one !== style) };
}

const TARGETS = Object.fromEntries(LEGACY.map((one) => [one.replace(/\d.*/, ""), one.replace(/^\D+/, "")]));

/** Writes out of core-js what one of the targets lacks. */
function polyfilled(): Plugin {
  return {
    name: "polyfilled",
    transform: {
      filter: { id: LANGUAGE },
      handler: async (code) => ({
        code: await babel(code, { modules: false, useBuiltIns: "entry", corejs: CORE_JS }),
        map: null,
      }),
    },
  };
}

async function inOldLanguage(code: string): Promise<string> {
  // Patterns as rest parameters are of 2016, though most of the targets know them.
  const older = await babel(code, { include: ["transform-parameters"], modules: false });
  const closed = `(function () { "use strict"; ${older} })();`;
  const options = { compress: { target: `es${LEGACY_ECMA}` }, mangle: true, codegen: { removeWhitespace: true } };
  const small = await minify("legacy.js", closed, options);
  const [error] = small.errors;
  if (error) throw new Error(`the script for old browsers: ${error.message}`);
  // Throws where there is anything newer.
  parse(small.code, { ecmaVersion: LEGACY_ECMA, sourceType: "script" });
  return small.code;
}

async function babel(code: string, options: object): Promise<string> {
  const presets = [[presetEnv, { targets: TARGETS, bugfixes: true, ...options }]];
  const made = await transformAsync(code, {
    configFile: false,
    babelrc: false,
    compact: true,
    sourceType: "unambiguous",
    presets,
  });
  if (!made?.code) throw new Error("Babel gave nothing");
  return made.code;
}

function hashed(name: string, content: string): string {
  const digest = createHash("sha256").update(content).digest("hex").slice(0, 8);
  return `assets/${name.replace(".", `-${digest}.`)}`;
}
