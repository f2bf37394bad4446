import { createSignal, type JSX, Show } from "solid-js";
import { type Hold, releaseHold } from "../../api/holds";
import { Button } from "../../design/button";
import { Dialog } from "../../design/dialog";
import { Notice } from "../../design/notice";
import { t } from "../../i18n/locale";
import { problemText } from "../../lib/problem";
import type { Problem } from "../../lib/types";

interface ReleaseHoldProps {
  recording: string;
  reason: string | null;
  onReleased: (hold: Hold) => void;
  onClose: () => void;
}

/** Says what will happen, and releases the recording when that is confirmed. */
export function ReleaseHold(props: ReleaseHoldProps): JSX.Element {
  const [busy, setBusy] = createSignal(false);
  const [problem, setProblem] = createSignal<Problem | null>(null);
  const release = async (): Promise<void> => {
    setBusy(true);
    const answer = await releaseHold(props.recording);
    setBusy(false);
    setProblem(answer.ok ? null : answer.problem);
    if (answer.ok) props.onReleased(answer.value);
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => open || props.onClose()}
      title={t().holds.releaseQuestion}
      description={t().holds.releaseDetail}
      actions={
        <>
          <Button onClick={() => props.onClose()}>{t().recording.cancel}</Button>
          <Button tone="danger" busy={busy()} onClick={() => void release()} data-testid="release-hold">
            {t().holds.releaseConfirm}
          </Button>
        </>
      }
    >
      <Show when={problem()}>{(why) => <Notice tone="bad">{problemText(t(), why().code, why().detail)}</Notice>}</Show>
      <Show when={props.reason}>{(reason) => <p>{t().library.heldReason(reason())}</p>}</Show>
    </Dialog>
  );
}
