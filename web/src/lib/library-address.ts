/** What the library is asked for, as its address says it: `/library?q=血壓&tag=visit&order=oldest`. */

export const ORDERS = ["newest", "oldest", "title", "duration", "relevance"] as const;
export type Order = (typeof ORDERS)[number];
export const STATES = ["ready", "untranscribed", "receiving", "held"] as const;
export type WantedState = (typeof STATES)[number];

export interface Wanted {
  q: string;
  tags: string[];
  state: WantedState | "";
  /** ISO 639-1. */
  language: string;
  /** Days in the reader's own time, `2026-11-24`; both are included. */
  from: string;
  to: string;
  /** Empty: the best first where something is searched for, else the newest. */
  order: Order | "";
}

export const EVERYTHING: Wanted = { q: "", tags: [], state: "", language: "", from: "", to: "", order: "" };

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** What an address asks for; what it says wrongly is left out. */
export function readAddress(search: string): Wanted {
  const given = new URLSearchParams(search);
  const text = (name: string): string => (given.get(name) ?? "").trim();
  const day = (name: string): string => (isDay(text(name)) ? text(name) : "");
  return {
    q: given.get("q") ?? "",
    tags: [...new Set(given.getAll("tag").filter(Boolean))],
    state: STATES.find((known) => known === text("state")) ?? "",
    language: text("language"),
    from: day("from"),
    to: day("to"),
    order: ORDERS.find((known) => known === text("order")) ?? "",
  };
}

/** With its question mark; empty where everything is asked for. */
export function writeAddress(wanted: Wanted): string {
  const given = new URLSearchParams();
  const { tags, ...single } = wanted;
  for (const [name, value] of Object.entries(single)) if (value) given.append(name, value);
  for (const tag of tags) given.append("tag", tag);
  const text = given.toString();
  return text ? `?${text}` : "";
}

export function orderOf({ q, order }: Wanted): Order {
  if (!q.trim()) return order === "relevance" || order === "" ? "newest" : order;
  return order || "relevance";
}

/** Whether only some of the recordings are asked for. */
export function isNarrowed(wanted: Wanted): boolean {
  return writeAddress({ ...wanted, q: wanted.q.trim(), order: "" }) !== "";
}

export interface Filters {
  q?: string;
  tag?: string[];
  state?: "receiving" | "complete";
  language?: string;
  from?: string;
  to?: string;
  has_transcript?: boolean;
  legal_hold?: boolean;
  order: Order;
}

/** The same for the API, which counts days in UTC: it is told the moments at which the reader's days begin. */
export function filtersOf(wanted: Wanted): Filters {
  const q = wanted.q.trim();
  return {
    order: orderOf(wanted),
    ...(q ? { q } : {}),
    ...(wanted.tags.length > 0 ? { tag: wanted.tags } : {}),
    ...(wanted.language ? { language: wanted.language } : {}),
    ...(wanted.from ? { from: midnight(wanted.from, 0) } : {}),
    ...(wanted.to ? { to: midnight(wanted.to, 1) } : {}),
    ...stateFilters(wanted.state),
  };
}

function stateFilters(state: Wanted["state"]): Pick<Filters, "state" | "has_transcript" | "legal_hold"> {
  if (state === "held") return { legal_hold: true };
  if (state === "receiving") return { state };
  if (state === "untranscribed") return { state: "complete", has_transcript: false };
  return state === "ready" ? { has_transcript: true } : {};
}

function isDay(text: string): boolean {
  return DAY.test(text) && !Number.isNaN(Date.parse(text));
}

function midnight(day: string, later: number): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}
