/** `m:ss`, or `h:mm:ss` from an hour on: the same in every language, and short enough for a phone. */
export function clock(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.max(0, Math.floor(seconds)) : 0;
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const parts = hours > 0 ? [String(hours), pad(minutes)] : [String(minutes)];
  return [...parts, pad(whole % 60)].join(":");
}

/** A name for a file made at this moment, in the user's own time, that sorts by time: `20261124-0935`. */
export function stamp(date: Date): string {
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(pad).join("");
  return `${day}-${pad(date.getHours())}${pad(date.getMinutes())}`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
