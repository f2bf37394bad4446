// Which share of the browsers that caniuse tracks has a tested way to record or to upload, in the world and in Taiwan:
//   node scripts/browser-coverage.mjs
// Prints the table of docs/browsers.md; ends with 1 where less than 99.9 % have one. Needs web/node_modules.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../web/package.json", import.meta.url));
const { agents, feature, features, region } = require("caniuse-lite");

const ENOUGH_PERCENT = 99.9;
const source = (path) => readFileSync(new URL(`../web/${path}`, import.meta.url), "utf8");
/** Of the build for browsers without modules; what else it needs, it brings. */
const SCRIPTS = ["proxy", "promises", "let", "arrow-functions", "es6-class"];
const MODULES = ["es6-module", "es6-module-dynamic-import"];

// The oldest version that runs the page: those for which the older of its two builds is made, the iPhone's as Safari, and
// the releases of others that stand on the same Chromium. A browser that is not here has to have the language features alone.
const versions = (text, name) =>
  Object.fromEntries(
    JSON.parse(new RegExp(`${name} = (\\[[^\\]]*\\])`).exec(text)[1]).map((one) => [
      /^\D+/.exec(one)[0],
      Number(/\d.*/.exec(one)[0]),
    ]),
  );
const BUILT_FOR = versions(source("build/legacy.ts"), "LEGACY");
const MODERN = versions(source("vite.config.ts"), "OLDEST");
const withKin = (built, opera, samsung) => ({ ...built, ios_saf: built.safari, opera, samsung });
const OLDEST = withKin(BUILT_FOR, 36, 5);
const OLDEST_MODERN = withKin(MODERN, 58, 10.1);

const WAYS = [
  {
    name: "The page, with the browser's own encoder",
    tested: "Chromium, Firefox",
    takes: (browser) => runsPage(browser) && has(browser, "stream", "mediarecorder"),
  },
  {
    name: "The page, with plain samples",
    tested: "WebKitGTK, whose encoder is silent; Chromium without MediaRecorder, without AudioWorklet",
    takes: (browser) => runsPage(browser) && has(browser, "stream", "audio-api"),
  },
  {
    name: "The form without JavaScript",
    tested: "Chromium and WebKitGTK without JavaScript",
    takes: (browser) => has(browser, "tls1-2"),
  },
];

const ENGINES = {
  Chromium: ["chrome", "edge", "and_chr", "android", "opera", "op_mob", "samsung", "and_uc", "and_qq", "baidu"],
  WebKit: ["safari", "ios_saf"],
  Firefox: ["firefox", "and_ff", "kaios"],
};

const supported = new Map();

function has({ agent, version }, ...names) {
  return names.every((name) => {
    if (!supported.has(name)) supported.set(name, feature(features[name]).stats);
    return supported.get(name)[agent]?.[version]?.startsWith("y") ?? false;
  });
}

const since = (oldest, { agent, version }) => Number.parseFloat(version) >= (oldest[agent] ?? 0);
const runsPage = (browser) => since(OLDEST, browser) && has(browser, ...SCRIPTS);
const runsModern = (browser) => since(OLDEST_MODERN, browser) && has(browser, ...MODULES);

/** Every version that somebody uses; the data of a country calls the newest one of some browsers 0. */
function browsersIn(usage) {
  return Object.entries(usage).flatMap(([agent, versions]) =>
    Object.entries(versions)
      .filter(([, percent]) => percent > 0)
      .map(([version, percent]) => ({ agent, version: version === "0" ? newest(agent) : version, percent })),
  );
}

function newest(agent) {
  return agents[agent].versions.filter((version) => version && agents[agent].release_date[version]).at(-1);
}

/** Percent of those that are tracked, for each name that `nameOf` gives. */
function shares(browsers, nameOf) {
  const tracked = browsers.reduce((sum, { percent }) => sum + percent, 0);
  const found = new Map();
  for (const browser of browsers) {
    const name = nameOf(browser);
    found.set(name, (found.get(name) ?? 0) + (100 * browser.percent) / tracked);
  }
  return { tracked, of: (name) => found.get(name) ?? 0 };
}

const wayOf = (browser) => WAYS.find(({ takes }) => takes(browser))?.name ?? "none";
const inPage = (browser) => [WAYS[0].name, WAYS[1].name].includes(wayOf(browser));
const engineOf = (browser) =>
  inPage(browser) ? (Object.keys(ENGINES).find((name) => ENGINES[name].includes(browser.agent)) ?? "none") : "none";

const buildOf = (browser) => inPage(browser) && (runsModern(browser) ? "modern" : "older");

const places = [
  browsersIn(Object.fromEntries(Object.entries(agents).map(([agent, { usage_global }]) => [agent, usage_global]))),
  browsersIn(region(require("caniuse-lite/data/regions/TW.js"))),
];
const ways = places.map((browsers) => shares(browsers, wayOf));
const engines = places.map((browsers) => shares(browsers, engineOf));
const builds = places.map((browsers) => shares(browsers, buildOf));
const percent = (share) => `${(Math.floor(share * 100) / 100).toFixed(2)} %`;
const row = (...cells) => console.log(`| ${cells.join(" | ")} |`);

row("way to record or upload", "tested in", "world", "Taiwan");
row("---", "---", "---", "---");
for (const { name, tested } of WAYS) row(name, tested, ...ways.map(({ of }) => percent(of(name))));
const covered = ways.map(({ of }) => WAYS.reduce((sum, { name }) => sum + of(name), 0));
row("**A tested way**", "", ...covered.map((share) => `**${percent(share)}**`));
for (const name of Object.keys(ENGINES)) row(`of which the page in the family of ${name}`, "", ...engines.map(({ of }) => percent(of(name))));
row("of which the page by its build for older browsers", "", ...builds.map(({ of }) => percent(of("older"))));
row("Tracked at all, of everybody", "", ...ways.map(({ tracked }) => percent(tracked)));
if (covered.some((share) => share < ENOUGH_PERCENT)) process.exitCode = 1;
