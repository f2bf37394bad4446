/** Names of the keys that do not write what they are called. */
const NAMES: Record<number, string> = {
  8: "Backspace",
  9: "Tab",
  13: "Enter",
  16: "Shift",
  17: "Control",
  18: "Alt",
  27: "Escape",
  32: " ",
  33: "PageUp",
  34: "PageDown",
  35: "End",
  36: "Home",
  37: "ArrowLeft",
  38: "ArrowUp",
  39: "ArrowRight",
  40: "ArrowDown",
  46: "Delete",
  91: "Meta",
  188: ",",
  190: ".",
  191: "/",
};

/** `KeyboardEvent.key`, which Chrome has since version 51 and Safari since 10.1: of the keys that the app listens to. */
export function keysByName(this: KeyboardEvent): string {
  const { keyCode, shiftKey } = this;
  if (keyCode === 191 && shiftKey) return "?";
  const named = NAMES[keyCode];
  if (named) return named;
  if (keyCode >= 112 && keyCode <= 123) return `F${keyCode - 111}`;
  const letter = String.fromCharCode(keyCode);
  return /[A-Z]/.test(letter) && !shiftKey ? letter.toLowerCase() : letter;
}
