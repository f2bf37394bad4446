const SAMPLE_BYTES = 64 * 1024;

/**
 * Tells files apart when one is chosen again: name, size, time, and a hash of its beginning and its end. Digital
 * recorders give the same names again and again.
 */
export async function fingerprint(file: File): Promise<string> {
  const ends = [file.slice(0, SAMPLE_BYTES), file.slice(Math.max(0, file.size - SAMPLE_BYTES))];
  const hash = (await Promise.all(ends.map((end) => end.arrayBuffer()))).reduce(fnv1a, 0x811c9dc5);
  return [file.name, file.size, file.lastModified, hash.toString(16)].join("|");
}

/** http://www.isthe.com/chongo/tech/comp/fnv/ */
export function fnv1a(before: number, buffer: ArrayBuffer): number {
  let hash = before;
  for (const byte of new Uint8Array(buffer)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
