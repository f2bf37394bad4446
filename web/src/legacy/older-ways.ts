/** `play()` tells what became of it since Chrome 50 and Safari 10. */
export function playingTold(media: HTMLMediaElement): void {
  const play = media.play as () => Promise<void> | undefined;
  media.play = function (): Promise<void> {
    return play.call(this) ?? Promise.resolve();
  };
}

/** Scrolling by options, since Chrome 61; smoothly it does not go here. */
export function scrollByOptions(page: Window): void {
  const to = page.scrollTo.bind(page) as (left: number, top: number) => void;
  page.scrollTo = (by: ScrollToOptions | number = {}, down?: number): void => {
    const { left = page.scrollX, top = page.scrollY } = typeof by === "object" ? by : { left: by, top: down ?? 0 };
    to(left, top);
  };
  page.scrollBy = (by: ScrollToOptions | number = {}, down?: number): void => {
    const { left = 0, top = 0 } = typeof by === "object" ? by : { left: by, top: down ?? 0 };
    to(page.scrollX + left, page.scrollY + top);
  };
}

/** Following the answer of a media query, since Safari 14. */
export function followedByEvents(query: MediaQueryList): void {
  query.addEventListener ??= function (this: MediaQueryList, _type: string, listener: unknown): void {
    this.addListener(listener as () => void);
  };
}
