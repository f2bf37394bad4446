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

const RECORDED = /^care-voice-\d{8}-\d{4}\.[a-z0-9]+$/;

/** The name of the file in which this page keeps what its microphone heard. */
export function recordedName(date: Date, extension: string): string {
  return `care-voice-${stamp(date)}.${extension}`;
}

/** Whether nobody chose this name: it says no more than the time, which is better said in words. */
export function isRecordedName(name: string): boolean {
  return RECORDED.test(name);
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
