import { type JSX, Show } from "solid-js";
import type { FoundRecording } from "../../api/library";
import { Button } from "../../design/button";
import { Dialog } from "../../design/dialog";
import { t } from "../../i18n/locale";

/** Why a recording cannot be deleted. */
export function HoldDialog(props: { recording: FoundRecording; onClose: () => void }): JSX.Element {
  return (
    <Dialog
      open
      onOpenChange={(open) => open || props.onClose()}
      title={t().library.heldTitle}
      description={t().library.heldDetail}
      actions={
        <Button tone="primary" onClick={() => props.onClose()}>
          {t().states.close}
        </Button>
      }
    >
      <Show when={props.recording.hold_reason}>
        {(reason) => <p data-testid="hold-reason">{t().library.heldReason(reason())}</p>}
      </Show>
    </Dialog>
  );
}
