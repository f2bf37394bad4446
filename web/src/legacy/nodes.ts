/** `Node.isConnected`, which Chrome has since version 51. */
export function contains(this: Node): boolean {
  return (this.ownerDocument ?? document).documentElement.contains(this);
}

/** `Node.getRootNode()`, since Chrome 54 and Firefox 53. */
export function rootOf(this: Node): Node {
  let root: Node = this;
  while (root.parentNode) root = root.parentNode;
  return root;
}

/** `Element.append()`, since Chrome 54. */
export function nodesAndTexts(this: Element, ...added: (Node | string)[]): void {
  for (const one of added) this.appendChild(typeof one === "string" ? document.createTextNode(one) : one);
}

/** `Event.composedPath()`, since Chrome 53 and Firefox 59. */
export function composedPath(this: Event): EventTarget[] {
  const path: EventTarget[] = [];
  for (let node = this.target as Node | null; node; node = node.parentNode) path.push(node);
  return [...path, window];
}

/** `Element.attachShadow()`, since Chrome 53 and Firefox 63: what would be in the shadow stands in the element itself. */
export function unshadowed(this: Element): Element {
  return this;
}
