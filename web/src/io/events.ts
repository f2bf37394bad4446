const AGAIN_MS = 3000;

export interface FollowedEvent {
  kind: string;
  data: unknown;
  /** What the server counts its events by. */
  id: string;
}

interface Follow {
  /** The names of the events that matter: browsers tell of no others. */
  kinds: readonly string[];
  onEvent: (event: FollowedEvent) => void;
  /** Whether the connection stands; it is opened again by itself when it breaks. */
  onConnected?: (connected: boolean) => void;
  /** The last event that is known already. */
  after?: string;
}

/**
 * Follows a stream of server-sent events until it is stopped, each event once and in order: after a break the server is
 * told the last one (`Last-Event-ID`, or `after` where the browser has given the connection up).
 */
export function followEvents(address: string, { kinds, onEvent, onConnected, after }: Follow): () => void {
  let last = after ?? "";
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const open = (): void => {
    const opened = new EventSource(last ? `${address}?after=${encodeURIComponent(last)}` : address);
    source = opened;
    opened.addEventListener("open", () => onConnected?.(true));
    for (const kind of kinds) {
      opened.addEventListener(kind, (event: MessageEvent<string>) => {
        last = event.lastEventId || last;
        onEvent({ kind, data: JSON.parse(event.data), id: event.lastEventId });
      });
    }
    opened.addEventListener("error", (event) => {
      // The server's own event of this name has data; the browser's says that the connection broke.
      if ("data" in event) return;
      onConnected?.(false);
      if (opened.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
    });
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
