import { onCleanup, onMount } from "solid-js";

const CONTROLS = "a, audio, button, input, select, textarea, summary, [contenteditable]";
const TEXT_FIELDS = "input, select, textarea, [contenteditable]";

export interface Shortcuts {
  toggleRecording(): void;
  togglePlaying(): void;
  cancel(): void;
}

/** With a modifier it is meant for the browser, in the middle of a composition for the input method. */
function isForAnother({ ctrlKey, metaKey, altKey, isComposing }: KeyboardEvent): boolean {
  return ctrlKey || metaKey || altKey || isComposing;
}

/** R, Space and Escape, wherever they are not meant for the control that has the focus. */
export function createShortcuts(shortcuts: Shortcuts): void {
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.repeat || isForAnother(event)) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (event.key === "Escape") shortcuts.cancel();
    else if (event.code === "KeyR" && !target.matches(TEXT_FIELDS)) shortcuts.toggleRecording();
    else if (event.key === " " && !target.closest(CONTROLS)) {
      event.preventDefault();
      shortcuts.togglePlaying();
    }
  };
  onMount(() => document.addEventListener("keydown", onKeyDown));
  onCleanup(() => document.removeEventListener("keydown", onKeyDown));
}
