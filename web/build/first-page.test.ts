import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { type Chunk, firstPage } from "./first-page";

function chunk(fileName: string, facadeModuleId: string | null, imports: string[] = [], code = fileName): Chunk {
  return { fileName, facadeModuleId, imports, code };
}

const CHUNKS = [
  chunk("entry.js", "/web/index.html", ["shared.js"]),
  chunk("docs.js", "/web/docs/index.html"),
  chunk("record.js", "/web/src/pages/record/page.tsx", ["shared.js", "bar.js"]),
  chunk("help.js", "/web/src/pages/help/page.tsx", ["help-only.js"]),
  chunk("help-only.js", null),
  chunk("shared.js", null),
  chunk("bar.js", null, ["shared.js"]),
  chunk("en.js", "/web/src/i18n/en.ts", [], "short"),
  chunk("zh-tw.js", "/web/src/i18n/zh-tw.ts", [], "a longer dictionary than the other one"),
];

it("counts what the first page needs, each file once, in the largest language", () => {
  const { files, bytes } = firstPage(CHUNKS);
  expect(files.sort()).toEqual(["bar.js", "entry.js", "record.js", "shared.js", "zh-tw.js"]);
  const codes = CHUNKS.filter(({ fileName }) => files.includes(fileName)).map(({ code }) => code);
  expect(bytes).toBe(codes.reduce((sum, code) => sum + gzipSync(code, { level: 9 }).length, 0));
});

it("does not pass when the first page cannot be found", () => {
  expect(() => firstPage(CHUNKS.filter(({ fileName }) => fileName !== "record.js"))).toThrow("record/page.tsx");
});
