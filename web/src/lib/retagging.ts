/** What is to become of the tags of some recordings. */
export interface Retagging {
  add: readonly string[];
  remove: readonly string[];
}

export interface Tagged {
  id: string;
  tags: readonly string[];
}

export interface TagStep {
  action: "tag" | "untag";
  ids: string[];
  tags: string[];
}

/** What the server is asked to do. */
export function steps(recordings: readonly Tagged[], { add, remove }: Retagging): TagStep[] {
  const ids = recordings.map(({ id }) => id);
  const asked: TagStep[] = [
    { action: "untag", ids, tags: [...remove] },
    { action: "tag", ids, tags: [...add] },
  ];
  return asked.filter(({ tags }) => tags.length > 0);
}

/** What brings back the tags that were there before: a tag that a recording had already stays with it. */
export function reversal(recordings: readonly Tagged[], { add, remove }: Retagging): TagStep[] {
  const each = (action: TagStep["action"], tag: string, had: boolean): TagStep => ({
    action,
    ids: recordings.filter(({ tags }) => tags.includes(tag) === had).map(({ id }) => id),
    tags: [tag],
  });
  return [...add.map((tag) => each("untag", tag, false)), ...remove.map((tag) => each("tag", tag, true))].filter(
    ({ ids }) => ids.length > 0,
  );
}

/** A tag as the server keeps it; empty where nothing is left. */
export function tidy(tag: string): string {
  return tag.normalize("NFC").replace(/\s+/gu, " ").trim();
}
