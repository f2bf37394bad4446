const TYPES = ["down", "up", "move", "over", "out", "enter", "leave"] as const;

/** What is copied from a mouse event: the rest of a pointer is the same for every mouse. */
const COPIED = [
  "clientX",
  "clientY",
  "screenX",
  "screenY",
  "button",
  "buttons",
  "ctrlKey",
  "shiftKey",
  "altKey",
  "metaKey",
  "relatedTarget",
] as const;

/**
 * Tells of a pointer where the mouse is, for browsers without pointer events (Chrome 54, Firefox 58, Safari 12 and
 * before): menus and dialogs listen to nothing else. Fingers reach them as the mouse that browsers make of a tap.
 */
export function pointFromMouse(root: Document): void {
  for (const type of TYPES) root.addEventListener(`mouse${type}`, (event) => retell(event, `pointer${type}`), true);
}

function retell(event: MouseEvent, type: string): void {
  const { target, bubbles, cancelable, view, detail } = event;
  const about: Record<string, unknown> = { bubbles, cancelable, view, detail };
  for (const name of COPIED) about[name] = event[name];
  const told = Object.assign(new MouseEvent(type, about), { pointerId: 1, pointerType: "mouse", isPrimary: true });
  if (!target?.dispatchEvent(told)) event.preventDefault();
}
