import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, it } from "vitest";

const SOURCES = join(import.meta.dirname, "..");
const SAID = new Set(["alt", "aria-label", "aria-description", "aria-valuetext", "label", "placeholder", "title"]);
const LETTER = /\p{L}/u;

/** What users would read in one language only: texts between tags, and in attributes that are shown or said. */
function literals(file: string, code: string): string[] {
  const found: string[] = [];
  const look = (node: ts.Node): void => {
    if (ts.isJsxText(node) && LETTER.test(node.text)) found.push(`${file}: ${node.text.trim()}`);
    if (ts.isJsxAttribute(node) && SAID.has(node.name.getText()) && node.initializer) {
      if (ts.isStringLiteral(node.initializer)) found.push(`${file}: ${node.getText()}`);
    }
    ts.forEachChild(node, look);
  };
  look(ts.createSourceFile(file, code, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX));
  return found;
}

it("finds none in the pages and components", () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf-8" }).filter((name) => name.endsWith(".tsx"));
  expect(files.length).toBeGreaterThan(20);
  expect(files.flatMap((file) => literals(file, readFileSync(join(SOURCES, file), "utf-8")))).toEqual([]);
});

it("would find them", () => {
  expect(literals("a.tsx", '<p title="Hello">{t().x} · Hi <i aria-label={t().y} /></p>')).toHaveLength(2);
});
