import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Options } from "../lib/types";

/** What is known of a recording or a file that is not wholly at the service yet. */
export interface Kept {
  id: string;
  kind: "recording" | "file";
  name: string;
  mediaType: string;
  /** Unix milliseconds, as all times here. */
  createdAt: number;
  durationS: number | null;
  options: Options;
  /** What is told to the service at the beginning, the same each time. */
  fields: [string, string][];
  /** Tells a file that is chosen again from others; empty for a recording. */
  fingerprint: string;
  recordingId: string | null;
  begun: number;
  stored: number;
  released: number;
  ended: boolean;
  /** Given up by the user; it stays here until the service knows of it too. */
  cancelled: boolean;
  touchedAt: number;
}

interface Schema extends DBSchema {
  kept: { key: string; value: Kept };
  /** By recording, and where they begin in it. Not blobs: some browsers lose those. */
  chunks: { key: [string, number]; value: ArrayBuffer };
}

type Database = IDBPDatabase<Schema>;

export interface Store {
  all(): Promise<Kept[]>;
  get(id: string): Promise<Kept | undefined>;
  /** Where the bytes end that are here; null where there are none. */
  end(id: string): Promise<number | null>;
  put(kept: Kept): Promise<void>;
  /** Keeps bytes that follow those before; false where they are kept in this page alone, as the browser refused them. */
  append(kept: Kept, from: number, bytes: ArrayBuffer): Promise<boolean>;
  /** What is here of `[from, to)`, without a gap; less where there is not all of it. */
  read(id: string, from: number, to: number): Promise<Blob>;
  /** Forgets the bytes below `upTo`. */
  release(kept: Kept, upTo: number): Promise<void>;
  remove(id: string): Promise<void>;
}

/** A disk that fails in the middle of a recording must not end it, so that each write can end in the page's memory. */
export function createStore(): Store {
  const memory = createMemory();
  const opened = open();
  return {
    all: () => attempt(opened, (db) => db.getAll("kept"), []),
    get: (id) => attempt(opened, (db) => db.get("kept", id), undefined),
    end: (id) => attempt(opened, (db) => endOf(db, id), null),
    put: async (kept) => {
      await attempt(opened, (db) => db.put("kept", kept).then(() => true), false);
    },
    append: async (kept, from, bytes) => {
      const safe = await attempt(opened, (db) => appendTo(db, kept, from, bytes), false);
      if (!safe) memory.add(kept.id, from, bytes);
      return safe;
    },
    read: async (id, from, to) => {
      const pieces = await attempt(opened, (db) => piecesOf(db, id, to), []);
      return joined([...pieces, ...memory.pieces(id, to)], from, to);
    },
    release: async (kept, upTo) => {
      memory.release(kept.id, upTo);
      await attempt(opened, (db) => releaseIn(db, kept, upTo), undefined);
    },
    remove: async (id) => {
      memory.release(id, Number.POSITIVE_INFINITY);
      await attempt(opened, (db) => removeFrom(db, id), undefined);
    },
  };
}

async function open(): Promise<Database> {
  return openDB<Schema>("care-voice", 1, {
    upgrade(db) {
      db.createObjectStore("kept", { keyPath: "id" });
      db.createObjectStore("chunks");
    },
  });
}

/** Private windows, policies and full disks refuse: then there is nothing here, and nothing can be kept. */
async function attempt<T>(opened: Promise<Database>, work: (db: Database) => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work(await opened);
  } catch {
    return otherwise;
  }
}

/** What was written is on the disk, not only with the system, when this ends. */
const DURABLE = { durability: "strict" } as const;

async function appendTo(db: Database, kept: Kept, from: number, bytes: ArrayBuffer): Promise<boolean> {
  const transaction = db.transaction(["kept", "chunks"], "readwrite", DURABLE);
  await Promise.all([
    transaction.objectStore("chunks").put(bytes, [kept.id, from]),
    transaction.objectStore("kept").put(kept),
    transaction.done,
  ]);
  return true;
}

/** What the service has is deleted, so that there are never many more than are read. */
async function piecesOf(db: Database, id: string, to: number): Promise<Piece[]> {
  const range = IDBKeyRange.bound([id, 0], [id, to], false, true);
  const transaction = db.transaction("chunks");
  const [keys, values] = await Promise.all([transaction.store.getAllKeys(range), transaction.store.getAll(range)]);
  return keys.flatMap(([, from], i) => {
    const bytes = values[i];
    return bytes ? [{ from, bytes }] : [];
  });
}

async function endOf(db: Database, id: string): Promise<number | null> {
  const range = IDBKeyRange.bound([id, 0], [id, Number.POSITIVE_INFINITY]);
  const last = await db.transaction("chunks").store.openCursor(range, "prev");
  return last ? last.key[1] + last.value.byteLength : null;
}

async function releaseIn(db: Database, kept: Kept, upTo: number): Promise<void> {
  const transaction = db.transaction(["kept", "chunks"], "readwrite");
  const chunks = transaction.objectStore("chunks");
  await transaction.objectStore("kept").put(kept);
  const range = IDBKeyRange.bound([kept.id, 0], [kept.id, upTo], false, true);
  for (let cursor = await chunks.openCursor(range); cursor; cursor = await cursor.continue()) {
    // The last one may be acknowledged in part.
    if (cursor.key[1] + cursor.value.byteLength <= upTo) await cursor.delete();
  }
  await transaction.done;
}

async function removeFrom(db: Database, id: string): Promise<void> {
  const transaction = db.transaction(["kept", "chunks"], "readwrite");
  const range = IDBKeyRange.bound([id, 0], [id, Number.POSITIVE_INFINITY]);
  await Promise.all([
    transaction.objectStore("chunks").delete(range),
    transaction.objectStore("kept").delete(id),
    transaction.done,
  ]);
}

export interface Piece {
  from: number;
  bytes: ArrayBuffer;
}

/** What pieces hold of `[from, to)`, as far as there is no gap. */
export function joined(pieces: Piece[], from: number, to: number): Blob {
  const parts: ArrayBuffer[] = [];
  let at = from;
  for (const { from: start, bytes } of pieces.sort((a, b) => a.from - b.from)) {
    const end = Math.min(to, start + bytes.byteLength);
    if (start > at) break;
    if (end <= at) continue;
    parts.push(bytes.slice(at - start, end - start));
    at = end;
  }
  return new Blob(parts);
}

function createMemory() {
  const pieces = new Map<string, Piece[]>();
  return {
    add: (id: string, from: number, bytes: ArrayBuffer): void => {
      pieces.set(id, [...(pieces.get(id) ?? []), { from, bytes }]);
    },
    pieces: (id: string, to: number): Piece[] => (pieces.get(id) ?? []).filter((piece) => piece.from < to),
    release: (id: string, upTo: number): void => {
      const left = (pieces.get(id) ?? []).filter(({ from, bytes }) => from + bytes.byteLength > upTo);
      if (left.length > 0) pieces.set(id, left);
      else pieces.delete(id);
    },
  };
}
