let arrived = false;

/** Takes the focus to a page's heading, but not on the first page: there the browser begins at its top by itself. */
export function arrive(heading: HTMLElement | undefined): void {
  if (arrived) heading?.focus({ preventScroll: true });
  arrived = true;
}
