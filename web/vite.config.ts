import solid from "vite-plugin-solid";
import { defineConfig } from "vitest/config";
import { compressed } from "./build/compressed";
import { firstPageBudget } from "./build/first-page";
import { installable } from "./build/installable";
import { legacy } from "./build/legacy";
import { preloads } from "./build/preloads";

const SERVER = "http://localhost:3000";

// Care homes keep phones and desktops for years: these are the oldest engines that load modules when they are needed. Vite's
// default target would leave out about 2 % of the users in Taiwan. What they lack comes from src/polyfills.ts.
const OLDEST = ["chrome71", "edge79", "firefox69", "safari14"];

const PARTS =
  /rolldown\/runtime|src\/(?:design\/(?:page|field|confirm|progress-bar|badge|notice)|lib\/languages|state\/(?:visible|appearance)|io\/files)\.tsx?$/;

export default defineConfig({
  plugins: [solid(), firstPageBudget(), legacy(), installable(), preloads(), compressed()],
  css: { transformer: "lightningcss" },
  build: {
    target: OLDEST,
    cssTarget: OLDEST,
    outDir: "../src/care_voice/api/static",
    emptyOutDir: true,
    // The content security policy refuses data: addresses, so that every asset stays a file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The API documentation is one large library, loaded on its own page alone.
    chunkSizeWarningLimit: 1600,
    rolldownOptions: {
      input: ["index.html", "docs/index.html"],
      // Small parts that several pages share come in one file: over a slow network each file costs a way there and back.
      output: { codeSplitting: { groups: [{ name: "parts", test: PARTS }] } },
      // How long its parts took is nobody's concern who starts the service.
      checks: { bundlerTimings: false },
    },
  },
  server: { proxy: { "/v1": SERVER, "/api": SERVER } },
  test: { environment: "node", include: ["{src,build}/**/*.test.ts"] },
});
