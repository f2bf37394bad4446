import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const TEXT = /\.(js|css|html|svg|json|webmanifest)$/;
/** Smaller files fit into one packet as they are. */
const WORTH_BYTES = 1024;

/** The documentation of the API: Brotli would take longer for it than the whole build. */
const LARGE_BYTES = 500_000;

/** Puts copies by Brotli and gzip beside each file of text, which the service sends to browsers that take them (api/static.py). */
export function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    writeBundle({ dir }, bundle) {
      for (const name of Object.keys(bundle).filter((file) => TEXT.test(file))) {
        const path = join(dir ?? "", name);
        const content = readFileSync(path);
        if (content.length < WORTH_BYTES) continue;
        writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
        if (content.length < LARGE_BYTES) writeFileSync(`${path}.br`, brotliCompressSync(content));
      }
    },
  };
}
