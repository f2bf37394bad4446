const LONG_MS = 500;
const SHAKE_PX = 10;

/** A finger that stays: handlers for what it stays on. */
export function onLongPress(held: () => void) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let start = { x: 0, y: 0 };
  let finger = false;
  let just = false;
  const stop = (): void => clearTimeout(timer);
  return {
    /** Whether the click that comes now is the end of a long press. */
    justHeld: (): boolean => just,
    byFinger: (): boolean => finger,
    handlers: {
      onPointerDown: (event: PointerEvent): void => {
        just = false;
        finger = event.pointerType === "touch";
        if (!finger) return;
        start = { x: event.clientX, y: event.clientY };
        timer = setTimeout(() => {
          just = true;
          held();
        }, LONG_MS);
      },
      onPointerMove: (event: PointerEvent): void => {
        if (Math.hypot(event.clientX - start.x, event.clientY - start.y) > SHAKE_PX) stop();
      },
      onPointerUp: stop,
      onPointerCancel: stop,
      onContextMenu: (event: Event): void => {
        // The browser's own menu for links would come over what was chosen.
        if (finger) event.preventDefault();
      },
    },
  };
}
