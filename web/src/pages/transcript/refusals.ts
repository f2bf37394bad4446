import type { Answer } from "../../api/client";
import { t } from "../../i18n/locale";
import { problemText } from "../../lib/problem";
import { showToast } from "../../state/toasts";

/** Says at the edge of the page why something was refused, with a way on; and, where there is a text for it, that it was done. */
export function tellRefusal(answer: Answer<unknown>, again: (() => void) | null, done?: string): boolean {
  if (answer.ok) {
    if (done) showToast({ text: done });
    return true;
  }
  const { code, detail } = answer.problem;
  const text = code === "edit_conflict" ? t().edit.stale : problemText(t(), code, detail);
  const action = again ? { action: { label: t().edit.again, run: again } } : {};
  showToast({ text, tone: "bad", ...action });
  return false;
}
