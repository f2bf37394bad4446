import { type JSX, Show } from "solid-js";
import { Button } from "../../design/button";
import { Dialog } from "../../design/dialog";
import { t } from "../../i18n/locale";

interface WhyHeldProps {
  reason: string | null;
  onClose: () => void;
  /** What leads on to where the hold can be released. */
  children: JSX.Element;
}

/** Why a recording cannot be deleted, and what can be done about it. */
export function WhyHeld(props: WhyHeldProps): JSX.Element {
  return (
    <Dialog
      open
      onOpenChange={(open) => open || props.onClose()}
      title={t().library.heldTitle}
      description={t().library.heldDetail}
      actions={
        <>
          <Button onClick={() => props.onClose()}>{t().states.close}</Button>
          {props.children}
        </>
      }
    >
      <Show when={props.reason}>{(reason) => <p data-testid="hold-reason">{t().library.heldReason(reason())}</p>}</Show>
    </Dialog>
  );
}
