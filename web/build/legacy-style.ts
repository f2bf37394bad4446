import postcss, { type AtRule, type Container, type Declaration, Rule } from "postcss";

const HEX = /#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})\b/gi;
const FLEX = /^(inline-)?flex$/;
const GRID = /^(inline-)?grid$/;

/**
 * A style sheet as browsers before 2018 understand it, where the usual lowering stops: distances between the parts of a
 * box (`gap`, of grids since Chrome 66, of flexible boxes since Chrome 84 and Safari 14.1), and colours in variables, which
 * Chrome 49 garbles when they begin with a digit.
 */
export function olderStyle(css: string): string {
  const root = postcss.parse(css);
  root.walkDecls(/^--/, (declaration) => {
    declaration.value = declaration.value.replace(HEX, (_hex, digits: string) => rgb(digits));
  });
  const boxes: Rule[] = [];
  root.walkRules((rule) => void boxes.push(rule));
  for (const box of boxes) spread(box);
  return root.toString();
}

export function rgb(digits: string): string {
  const pairs = digits.length < 6 ? [...digits].map((digit) => digit + digit) : (digits.match(/../g) ?? []);
  const [red, green, blue, alpha] = pairs.map((pair) => Number.parseInt(pair, 16));
  if (alpha === undefined) return `rgb(${red},${green},${blue})`;
  return `rgba(${red},${green},${blue},${Math.round((alpha / 255) * 100) / 100})`;
}

function spread(box: Rule): void {
  const [between, beside = between] = postcss.list.space(given(box, "gap") ?? "");
  const [display, direction] = [given(box, "display") ?? "", given(box, "flex-direction")];
  if (GRID.test(display)) {
    const without = postcss.atRule({ name: "supports", params: "not (display:grid)" });
    without.append(column(box), ...following(box, { "margin-top": between }));
    after(box, without);
  } else if (direction?.startsWith("column"))
    after(box, ...following(box, { "margin-left": "0", "margin-top": between }));
  else if (FLEX.test(display)) {
    // Another rule for it may have made a grid, and so a column, of it.
    if (!direction) box.append({ prop: "flex-direction", value: "row" });
    after(box, ...following(box, { "margin-left": beside }));
  }
  if (between && !FLEX.test(display)) box.append({ prop: "grid-gap", value: given(box, "gap") ?? "" });
}

/** A grid of one column as a flexible box; one of several is left to be a column of what it holds. */
function column(box: Rule): Rule {
  const made = new Rule({ selectors: box.selectors });
  const tracks = postcss.list.space(given(box, "grid-template-columns") ?? "one");
  if (tracks.length > 1 || tracks[0]?.startsWith("repeat")) return made.append({ prop: "display", value: "block" });
  return made.append(
    { prop: "display", value: (given(box, "display") ?? "").replace("grid", "flex") },
    { prop: "flex-direction", value: "column" },
    { prop: "align-items", value: given(box, "justify-items") ?? "stretch" },
    { prop: "justify-content", value: given(box, "align-items") ?? "flex-start" },
  );
}

/** All but the first of what is in the box keep their distance. */
function following(box: Rule, distances: Record<string, string | undefined>): Rule[] {
  const margins = Object.entries(distances).flatMap(([prop, value]) => (value ? [{ prop, value }] : []));
  if (margins.length < Object.keys(distances).length) return [];
  const next = new Rule({ selectors: box.selectors.map((selector) => `${selector}>*+*`) });
  return [next.append(...margins)];
}

function after(box: Rule, ...nodes: (Rule | AtRule)[]): void {
  (box.parent as Container).insertAfter(box, nodes);
}

function given(box: Rule, property: string): string | undefined {
  const found = box.nodes.filter((node): node is Declaration => node.type === "decl" && node.prop === property);
  return found.at(-1)?.value;
}
