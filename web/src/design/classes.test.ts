import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const SOURCES = join(import.meta.dirname, "..");

/** The blocks that the style sheets of a folder name: `player` for `.player__seek` and `.player--small`. */
function blocks(folder: string): Set<string> {
  const sheets = readdirSync(join(SOURCES, folder)).filter((name) => name.endsWith(".css"));
  const text = sheets.map((name) => readFileSync(join(SOURCES, folder, name), "utf-8")).join("\n");
  return new Set([...text.matchAll(/\.([a-z][a-z-]*?)(?=--|__|[^a-z-])/gu)].map(([, block]) => block as string));
}

it("gives each block of a page a name of its own: a page that was visited leaves its styles behind", () => {
  const shared = blocks("design");
  const owners = new Map<string, string[]>();
  for (const page of readdirSync(join(SOURCES, "pages"), { withFileTypes: true })) {
    if (!page.isDirectory()) continue;
    for (const block of blocks(join("pages", page.name))) {
      if (!shared.has(block)) owners.set(block, [...(owners.get(block) ?? []), page.name]);
    }
  }
  expect(owners.size).toBeGreaterThan(50);
  expect([...owners].filter(([, pages]) => pages.length > 1)).toEqual([]);
});
