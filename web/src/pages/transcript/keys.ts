import { onCleanup, onMount } from "solid-js";
import { SKIP_S } from "./player";
import type { Reading } from "./reading";
import { takeBack } from "./toolbar";

const STEP_S = 5;
const FIELDS = "input:not([type=checkbox]), select, textarea, [contenteditable], [role=menu], [role=dialog]";
const PRESSED_BY_SPACE = "a, button, summary, input";

/** The keys of the page, wherever they are not meant for the control that has the focus. */
export function createKeys(reading: Reading): void {
  const onKeyDown = (event: KeyboardEvent): void => {
    const target = event.target instanceof Element ? event.target : document.body;
    if (event.defaultPrevented || event.isComposing || event.altKey || target.closest(FIELDS)) return;
    const act = event.ctrlKey || event.metaKey ? withControl(reading, event) : plain(reading, event, target);
    if (!act) return;
    event.preventDefault();
    act();
  };
  onMount(() => document.addEventListener("keydown", onKeyDown));
  onCleanup(() => document.removeEventListener("keydown", onKeyDown));
}

type Act = (() => void) | null;

function withControl(reading: Reading, { key, shiftKey }: KeyboardEvent): Act {
  switch (key.toLowerCase()) {
    case "z":
      return () => void takeBack(reading, shiftKey ? "redo" : "undo");
    case "y":
      return () => void takeBack(reading, "redo");
    case "f":
      return reading.finder.isOpen() ? null : reading.finder.open;
    default:
      return null;
  }
}

function plain(reading: Reading, { key }: KeyboardEvent, target: Element): Act {
  const { listening } = reading;
  switch (key) {
    case " ":
      return target.closest(PRESSED_BY_SPACE) ? null : listening.toggle;
    case "k":
      return listening.toggle;
    case "j":
      return () => listening.skip(-SKIP_S);
    case "l":
      return () => listening.skip(SKIP_S);
    case "ArrowLeft":
      return () => listening.skip(-STEP_S);
    case "ArrowRight":
      return () => listening.skip(STEP_S);
    case "ArrowUp":
      return () => void step(reading, target, -1);
    case "ArrowDown":
      return () => void step(reading, target, 1);
    case "e":
      return () => reading.editor.open(reading.focused());
    default:
      return null;
  }
}

/** To the same control of the next line; from elsewhere into the line that had the focus last. */
async function step(reading: Reading, target: Element, by: 1 | -1): Promise<void> {
  const control = target.closest<HTMLElement>("[data-control]")?.dataset.control;
  const last = reading.transcript.slots().length - 1;
  const index = control ? Math.max(0, Math.min(last, reading.focused() + by)) : reading.focused();
  await reading.transcript.need(index, index + 1);
  reading.setFocused(index);
  reading.bring(index);
  requestAnimationFrame(() => {
    const line = document.querySelector(`[data-index="${index}"]`);
    line?.querySelector<HTMLElement>(`[data-control="${control ?? "time"}"]`)?.focus({ preventScroll: true });
  });
}
