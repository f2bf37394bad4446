import { join } from "node:path";
import ts from "typescript";
import { expect, it } from "vitest";

const SOURCES = join(import.meta.dirname, "..");
const DICTIONARIES = /\/i18n\/(?:en|zh-tw|ja|id|vi|fil|th)\.ts$/;

/** The texts of the English dictionary, by the node that declares them. */
type Texts = Map<ts.Node, string>;

function program(): ts.Program {
  const path = join(SOURCES, "../tsconfig.json");
  const config = ts.parseJsonConfigFileContent(
    ts.readConfigFile(path, ts.sys.readFile).config,
    ts.sys,
    join(SOURCES, ".."),
  );
  const files = config.fileNames.filter((name) => name.startsWith(SOURCES) && !name.endsWith(".test.ts"));
  return ts.createProgram([...files, join(SOURCES, "i18n/en.ts")], config.options);
}

function declared(source: ts.SourceFile): Texts {
  const texts: Texts = new Map();
  const look = (node: ts.Node, path: string): void => {
    if (ts.isPropertyAssignment(node)) {
      const here = path ? `${path}.${name(node)}` : name(node);
      texts.set(node, here);
      // Which form of `{…} as Forms` is shown is for the number to say.
      if (ts.isObjectLiteralExpression(node.initializer)) look(node.initializer, here);
    } else if (ts.isObjectLiteralExpression(node) || !path) ts.forEachChild(node, (child) => look(child, path));
  };
  look(source, "");
  return texts;
}

function name(node: ts.PropertyAssignment): string {
  return ts.isStringLiteral(node.name) || ts.isIdentifier(node.name) ? node.name.text : "";
}

/** Every text that is named somewhere; where a key is worked out, all that it may be are. */
function used(whole: ts.Program, texts: Texts): Set<string> {
  const checker = whole.getTypeChecker();
  const found = new Set<string>();
  const note = (symbol: ts.Symbol | undefined): void => {
    for (const node of symbol?.declarations ?? []) {
      const path = texts.get(node);
      if (path) found.add(path);
    }
  };
  const look = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node)) note(checker.getSymbolAtLocation(node.name));
    else if (ts.isElementAccessExpression(node)) reachable(checker, node).forEach(note);
    else if (ts.isBindingElement(node)) note(taken(checker, node));
    if (ts.isExpression(node) && isGivenAway(checker, node)) members(checker, node).forEach(note);
    ts.forEachChild(node, look);
  };
  for (const file of whole.getSourceFiles()) {
    if (file.fileName.startsWith(SOURCES) && !DICTIONARIES.test(file.fileName)) look(file);
  }
  return found;
}

/** What `texts[key]` may be. */
function reachable(checker: ts.TypeChecker, node: ts.ElementAccessExpression): ts.Symbol[] {
  const object = checker.getTypeAtLocation(node.expression);
  const key = checker.getTypeAtLocation(node.argumentExpression);
  const keys = key.isUnion() ? key.types : [key];
  if (!keys.every((each) => each.isStringLiteral())) return checker.getPropertiesOfType(object);
  return keys.flatMap((each) => checker.getPropertyOfType(object, (each as ts.StringLiteralType).value) ?? []);
}

/** What `const { key } = texts` takes. */
function taken(checker: ts.TypeChecker, node: ts.BindingElement): ts.Symbol | undefined {
  const key = node.propertyName ?? node.name;
  return ts.isIdentifier(key) ? checker.getTypeAtLocation(node.parent).getProperty(key.text) : undefined;
}

/** Whether a part of the texts goes where it has another type, so that nobody sees what is read of it. */
function isGivenAway(checker: ts.TypeChecker, node: ts.Expression): boolean {
  if (!ts.isPropertyAccessExpression(node)) return false;
  if (ts.isPropertyAccessExpression(node.parent)) return false;
  if (ts.isVariableDeclaration(node.parent) && !node.parent.type) return false;
  const wanted = checker.getContextualType(node);
  return wanted !== undefined && wanted !== checker.getTypeAtLocation(node);
}

function members(checker: ts.TypeChecker, node: ts.Expression): ts.Symbol[] {
  return checker.getPropertiesOfType(checker.getTypeAtLocation(node));
}

it("finds every text used in some place", { timeout: 180_000 }, () => {
  const whole = program();
  const source = whole.getSourceFile(join(SOURCES, "i18n/en.ts"));
  if (!source) throw new Error("there is no English dictionary");
  const texts = declared(source);
  const names = used(whole, texts);
  expect(texts.size).toBeGreaterThan(500);
  expect([...texts.values()].filter((path) => !names.has(path))).toEqual([]);
});
