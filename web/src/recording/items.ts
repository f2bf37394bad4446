import type { Sending, SendingEvent } from "./machine";
import { newSending } from "./machine";
import { createSender, type Sender } from "./sender";
import { createSlots } from "./slots";
import { createStore, type Kept, type Store } from "./store";
import * as wire from "./wire";

/** Files at a time: the browser has six connections for all that it does. */
const FILES_AT_A_TIME = 2;

/** What the page is told of. */
export interface Watcher {
  /** A new one; `recovered`: from an earlier visit, or from a window that was closed. */
  onItem(kept: Kept, recovered: boolean): void;
  onSending(id: string, sending: Sending, needsFile: boolean): void;
  /** Bytes of the request that is under way, which are not acknowledged yet. */
  onSent(id: string, bytes: number): void;
  /** The browser keeps no more: what comes now is in this page alone. */
  onUnsafe(): void;
}

export interface Item {
  kept: Kept;
  file: File | null;
  sender: Sender;
  release: () => void;
}

export type Items = ReturnType<typeof createItems>;

/** What this window sends, each by its own sender, from the store on this device or from a file. */
export function createItems(watcher: Watcher) {
  const store = createStore();
  const items = new Map<string, Item>();
  const inSlot = createSlots(FILES_AT_A_TIME);

  const add = (kept: Kept, file: File | null, release: () => void, recovered: boolean): Item => {
    const item: Item = { kept, file, release, sender: createSender(sendingOf(kept, file), ports(kept.id)) };
    items.set(kept.id, item);
    // What was given up is only there to be withdrawn.
    if (!kept.cancelled) watcher.onItem(kept, recovered);
    item.sender.run();
    return item;
  };
  const ports = (id: string) => ({
    ask: wire.ask,
    complete: wire.complete,
    withdraw: wire.withdraw,
    trash: wire.trash,
    begin: (begun: number) => wire.begin(known(id).kept, `${id}.${begun}`),
    append: (recordingId: string, from: number, to: number, signal: AbortSignal): Promise<wire.Answer> => {
      const item = known(id);
      const send = async (): Promise<wire.Answer> => {
        const bytes = await bytesOf(store, item, from, to);
        if (bytes.size === 0) return { type: "missing" };
        return wire.append(recordingId, { from, bytes, signal, onSent: (sent) => watcher.onSent(id, from + sent) });
      };
      return item.file ? inSlot(send) : send();
    },
    onState: (sending: Sending) => settle(id, sending),
  });
  const settle = async (id: string, sending: Sending): Promise<void> => {
    const item = items.get(id);
    if (!item) return;
    const { recordingId, begun, released, ended } = sending;
    const now = { recordingId, begun, ended, cancelled: sending.wish === "cancel" };
    const changed = (Object.keys(now) as (keyof typeof now)[]).some((key) => item.kept[key] !== now[key]);
    const freed = item.kept.released !== released;
    Object.assign(item.kept, now, { released });
    watcher.onSending(id, sending, needsFile(item));
    if (sending.outcome === "complete" || sending.outcome === "cancelled") return forget(item);
    if (freed) await store.release(item.kept, released);
    else if (changed) await store.put(item.kept);
  };
  const forget = async ({ kept, release }: Item): Promise<void> => {
    items.delete(kept.id);
    await store.remove(kept.id);
    release();
  };
  const known = (id: string): Item => {
    const item = items.get(id);
    if (!item) throw new Error(`${id} is not in the outbox`);
    return item;
  };
  const tell = (id: string, event: SendingEvent): void => items.get(id)?.sender.tell(event);
  return { store, items, add, tell };
}

export function needsFile({ kept, file }: Item): boolean {
  return kept.kind === "file" && !file && !kept.cancelled;
}

/** A file of an earlier visit has to be chosen again before anything can be sent of it. */
function sendingOf(kept: Kept, file: File | null): Sending {
  const { recordingId, begun, stored, released, ended } = kept;
  const isFile = kept.kind === "file";
  const wish = kept.cancelled ? "cancel" : isFile && !file ? "hold" : "send";
  return newSending({ recordingId, begun, stored, released, ended, isFile, wish });
}

async function bytesOf(store: Store, { kept, file }: Item, from: number, to: number): Promise<Blob> {
  return file ? file.slice(from, to) : store.read(kept.id, from, to);
}
