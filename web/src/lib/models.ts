import type { Model, Operation, Progress } from "../api/models";
import type { Texts } from "../i18n/en";

/** An operation that has ended since the page looked last. */
export interface Ending {
  name: string;
  kind: Operation["kind"];
  state: Exclude<Operation["state"], "running">;
}

export function isRunning(model: Model): boolean {
  return model.operation?.state === "running";
}

/** How far an operation is, from 0 to 1; null where that cannot be known. */
export function ratioOf({ phase, done_bytes, total_bytes }: Progress): number | null {
  if (phase === "waiting" || total_bytes <= 0) return null;
  return Math.min(1, done_bytes / total_bytes);
}

/** What ended between two looks at the list, also when it began after the first. Models seen for the first time tell nothing new. */
export function endings(before: readonly Model[], after: readonly Model[]): Ending[] {
  const known = new Map(before.map(({ name, operation }) => [name, operation]));
  return after.flatMap(({ name, operation }) => {
    if (!operation || operation.state === "running" || !known.has(name)) return [];
    const last = known.get(name);
    const isNew = last?.id !== operation.id || last.state === "running";
    return isNew ? [{ name, kind: operation.kind, state: operation.state }] : [];
  });
}

/** The operations that this page follows event by event: a browser has six connections for all of its pages. */
export function toFollow(models: readonly Model[], limit: number): string[] {
  return models
    .filter(isRunning)
    .slice(0, limit)
    .map(({ name }) => name);
}

/** What an operation is doing, in the user's language; the server may know phases that this page does not. */
export function phaseName(texts: Texts, phase: string): string {
  return new Map(Object.entries(texts.models.phases)).get(phase) ?? phase;
}

/** Where files came from, in the user's language: the sources' own names, joined by `+`. */
export function sourceName(texts: Texts, source: string): string {
  const known = new Map(Object.entries(texts.models.sources));
  return source
    .split("+")
    .map((name) => known.get(name) ?? name)
    .join(" + ");
}

/** What a model is good for, in the user's language; of one that the page does not know, in the server's words. */
export function noteOf(texts: Texts, { name, note, derived }: Model): string {
  if (derived) return texts.models.derivedNote(derived.parent, derived.to);
  return new Map(Object.entries(texts.models.notes)).get(name) ?? note;
}
