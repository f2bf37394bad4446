import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** What a phone on a slow network loads before one can record: the script of the first page, in bytes as gzip. */
const BUDGET_BYTES = 60_000;
const ENTRY = "index.html";
const FIRST_PAGE = "src/pages/record/page.tsx";
const DICTIONARIES = /src\/i18n\/[a-z-]+\.ts$/;

export interface Chunk {
  fileName: string;
  facadeModuleId: string | null;
  /** Files that it needs at once. */
  imports: string[];
  code: string;
}

/** The chunks that the first page needs in the language with the most bytes, and what they come to. */
export function firstPage(chunks: readonly Chunk[]): { files: string[]; bytes: number } {
  const find = (end: string | RegExp) =>
    chunks.filter(({ facadeModuleId: id }) => id && (typeof end === "string" ? id.endsWith(end) : end.test(id)));
  const [page] = find(FIRST_PAGE);
  const [entry] = find(`/${ENTRY}`).filter(({ facadeModuleId }) => !facadeModuleId?.endsWith(`/docs/${ENTRY}`));
  if (!page || !entry) throw new Error(`the build has no chunk of ${ENTRY} or ${FIRST_PAGE}`);
  const texts = find(DICTIONARIES).sort((a, b) => sizeOf(b) - sizeOf(a))[0];
  const needed = new Map<string, Chunk>();
  const add = (chunk: Chunk | undefined): void => {
    if (!chunk || needed.has(chunk.fileName)) return;
    needed.set(chunk.fileName, chunk);
    for (const name of chunk.imports) add(chunks.find(({ fileName }) => fileName === name));
  };
  [entry, page, texts].forEach(add);
  const files = [...needed.values()];
  return { files: files.map(({ fileName }) => fileName), bytes: files.reduce((sum, chunk) => sum + sizeOf(chunk), 0) };
}

/** Fails the build when the first page has grown over its budget. */
export function firstPageBudget(): Plugin {
  return {
    name: "first-page-budget",
    apply: "build",
    generateBundle: {
      order: "post",
      handler({ format }, bundle) {
        // A build for old browsers, beside this one, is larger by what they lack.
        if (format !== "es") return;
        const chunks = Object.values(bundle).flatMap((file) => (file.type === "chunk" ? [file] : []));
        const { files, bytes } = firstPage(chunks);
        this.info(`the first page has ${bytes} bytes of script (gzip), of ${BUDGET_BYTES}: ${files.join(", ")}`);
        if (bytes > BUDGET_BYTES) this.error(`the first page has ${bytes} bytes of script, more than ${BUDGET_BYTES}`);
      },
    },
  };
}

function sizeOf({ code }: Chunk): number {
  return gzipSync(code, { level: 9 }).length;
}
