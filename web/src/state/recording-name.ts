import { shortDateAndTime, t } from "../i18n/locale";
import { isRecordedName } from "../lib/time";

interface Named {
  title: string;
  filename: string;
  created_at: string;
}

/** What a recording is called; one that was made here and has no title yet is called by its time. */
export function recordingName({ title, filename, created_at }: Named): string {
  if (title) return title;
  return isRecordedName(filename)
    ? t().history.recording(shortDateAndTime(created_at))
    : filename || t().library.untitled;
}
