import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "acorn";
import { expect, it } from "vitest";
import { withNames } from "./legacy";
import { olderStyle, rgb } from "./legacy-style";

const flat = (css: string) => olderStyle(css).replace(/\s+/g, "");

it("names both files where the page loads what old browsers need, and nowhere else", () => {
  const names = { script: "assets/a.js", style: "assets/a.css" };
  expect(withNames('<script src="/old-browsers.js" defer></script>', names)).toBe(
    '<script src="/old-browsers.js" data-script="/assets/a.js" data-style="/assets/a.css" defer></script>',
  );
  expect(() => withNames("<p></p>", names)).toThrow("old-browsers.js");
});

it.each(["theme.js", "old-browsers.js"])("runs %s in browsers of 2009", (name) => {
  const code = readFileSync(join(import.meta.dirname, "../public", name), "utf8");
  expect(() => parse(code, { ecmaVersion: 5, sourceType: "script" })).not.toThrow();
});

it("writes colours in variables without digits that an old browser garbles", () => {
  expect(rgb("14252a")).toBe("rgb(20,37,42)");
  expect(rgb("fff")).toBe("rgb(255,255,255)");
  expect(rgb("00000080")).toBe("rgba(0,0,0,0.5)");
  expect(flat(":root{--text:#14252a}p{color:#14252a}")).toBe(":root{--text:rgb(20,37,42)}p{color:#14252a}");
});

it("keeps the parts of a flexible box apart by margins", () => {
  expect(flat(".a,.b{display:flex;gap:1px 2px}")).toContain(".a>*+*,.b>*+*{margin-left:2px}");
  expect(flat(".a{display:flex;flex-direction:column;gap:1px}")).toContain(".a>*+*{margin-left:0;margin-top:1px}");
});

it("makes a column of a grid where there are none", () => {
  const made = flat(".a{display:grid;gap:1px;justify-items:center}");
  expect(made).toContain("grid-gap:1px");
  expect(made).toContain("@supportsnot(display:grid){.a{display:flex;flex-direction:column;align-items:center");
  expect(flat(".a{display:grid;grid-template-columns:auto 1fr}")).toContain("{.a{display:block}}");
});
