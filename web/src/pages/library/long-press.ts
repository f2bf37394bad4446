const LONG_MS = 500;
const SHAKE_PX = 10;

/** A finger that stays: handlers for what it stays on. */
export function onLongPress(held: () => void) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let start = { x: 0, y: 0 };
  let finger = false;
  const stop = (): void => clearTimeout(timer);
  return {
    /** Whether the click that comes now is of a finger. */
    byFinger: (): boolean => finger,
    handlers: {
      onPointerDown: (event: PointerEvent): void => {
        finger = event.pointerType === "touch";
        if (!finger) return;
        start = { x: event.clientX, y: event.clientY };
        timer = setTimeout(() => {
          held();
          swallowClick();
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

/** The finger that is lifted now must not press what has come under it meanwhile. */
function swallowClick(): void {
  const forget = (): void => {
    window.removeEventListener("click", swallow, true);
    window.removeEventListener("pointerdown", forget, true);
  };
  const swallow = (event: Event): void => {
    event.preventDefault();
    event.stopPropagation();
    forget();
  };
  window.addEventListener("click", swallow, true);
  window.addEventListener("pointerdown", forget, true);
}
