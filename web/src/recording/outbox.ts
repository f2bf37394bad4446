import type { Options } from "../lib/types";
import { canClaim, claim, FRESH_MS } from "./claim";
import { fingerprint } from "./fingerprint";
import { createItems, type Items, needsFile, type Watcher } from "./items";
import type { Kept, Store } from "./store";

export interface NewItem {
  name: string;
  mediaType: string;
  options: Options;
  fields: [string, string][];
}

/** A recording that is going on. */
export interface Writer {
  id: string;
  write(bytes: ArrayBuffer): Promise<void>;
  end(durationS: number): void;
}

export type Outbox = ReturnType<typeof createOutbox>;

/** Everything that is to be sent: kept on this device until the service has it, and sent by one window at a time. */
export function createOutbox(watcher: Watcher) {
  const shared = createItems(watcher);
  const { store, items, add, tell } = shared;
  const wanted = new Set<string>();

  /** Waits until no other window has it; then it may be gone. */
  const adopt = async ({ id }: Kept): Promise<void> => {
    if (wanted.has(id)) return;
    wanted.add(id);
    const release = await claim(id);
    const kept = await store.get(id);
    if (!kept) return release();
    // Whoever recorded it is gone: what there is of it is all that there will be, and less than was counted on where its
    // last bytes were just being written.
    const stored = kept.kind === "file" ? kept.stored : ((await store.end(id)) ?? kept.released);
    add({ ...kept, stored, ended: true }, null, release, true);
  };
  let again: ReturnType<typeof setTimeout> | undefined;
  const recover = async (): Promise<void> => {
    const others = (await store.all()).filter(({ id }) => !wanted.has(id));
    const [left, fresh] = [others.filter(isLeft), others.filter((kept) => !isLeft(kept))];
    for (const kept of left) void adopt(kept);
    clearTimeout(again);
    if (fresh.length > 0) again = setTimeout(recover, FRESH_MS);
  };
  return {
    recover: () => void recover(),
    ...createArrivals(shared, watcher, wanted),
    hold: (id: string) => tell(id, { type: "hold" }),
    resume: (id: string) => tell(id, { type: "resume" }),
    retry: (id: string) => tell(id, { type: "retry" }),
    /** Gives it up, here and at the service. */
    cancel: (id: string) => tell(id, { type: "cancel" }),
    online: (): void => {
      for (const item of items.values()) item.sender.tell({ type: "online" });
    },
    /** What is still here of one that was refused, from its beginning where that was not sent. */
    rest: async (id: string): Promise<Blob> => {
      const kept = items.get(id)?.kept;
      return kept ? store.read(id, kept.released, kept.stored) : new Blob();
    },
  };
}

/** Whether it can be asked for: without locks one that was touched a moment ago goes on in another window. */
function isLeft({ ended, touchedAt }: Kept): boolean {
  return canClaim() || ended || Date.now() - touchedAt > FRESH_MS;
}

/** How recordings and files come in. */
function createArrivals({ store, items, add }: Items, watcher: Watcher, wanted: Set<string>) {
  /** Takes a name for it, and the right to send it. */
  const create = async (about: NewItem, kind: Kept["kind"]): Promise<{ kept: Kept; release: () => void }> => {
    const id = newId();
    wanted.add(id);
    const release = await claim(id);
    const now = Date.now();
    const kept = { ...about, id, kind, createdAt: now, touchedAt: now, fingerprint: "", durationS: null };
    return {
      kept: { ...kept, recordingId: null, begun: 0, stored: 0, released: 0, ended: kind === "file", cancelled: false },
      release,
    };
  };
  return {
    /** Begins a recording; nothing is sent of it before its first bytes. */
    record: async (about: NewItem): Promise<Writer> => {
      const { kept, release } = await create(about, "recording");
      const { sender } = add(kept, null, release, false);
      const letGo = keepFresh(kept, store);
      return {
        id: kept.id,
        write: async (bytes) => {
          const from = kept.stored;
          Object.assign(kept, { stored: from + bytes.byteLength, touchedAt: Date.now() });
          if (!(await store.append(kept, from, bytes))) watcher.onUnsafe();
          sender.tell({ type: "stored", bytes: bytes.byteLength });
        },
        end: (durationS) => {
          letGo();
          kept.durationS = durationS;
          sender.tell({ type: "ended" });
        },
      };
    },
    /** Sends a file, or goes on with it where it was begun before: then its id. */
    addFile: async (file: File, about: NewItem): Promise<string> => {
      const mark = await fingerprint(file);
      const waiting = [...items.values()].find((item) => item.kept.fingerprint === mark && needsFile(item));
      if (waiting) {
        waiting.file = file;
        waiting.sender.tell({ type: "resume" });
        return waiting.kept.id;
      }
      const { kept, release } = await create(about, "file");
      Object.assign(kept, { fingerprint: mark, stored: file.size });
      await store.put(kept);
      add(kept, file, release, false).sender.tell({ type: "ended" });
      return kept.id;
    },
  };
}

/** Touches a recording also while it is paused, so that without locks no other window takes it for one that was left. */
function keepFresh(kept: Kept, store: Store): () => void {
  if (canClaim()) return () => undefined;
  const touch = (): void => {
    if (kept.stored > 0) void store.put(Object.assign(kept, { touchedAt: Date.now() }));
  };
  const timer = setInterval(touch, FRESH_MS / 3);
  return () => clearInterval(timer);
}

/** `randomUUID` is for secure pages alone; files are sent from others too. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
