import { createSignal, createUniqueId, type JSX, Show } from "solid-js";
import { type Hold, placeHold } from "../../api/holds";
import { Button } from "../../design/button";
import { Dialog } from "../../design/dialog";
import { TextField } from "../../design/field";
import { Notice } from "../../design/notice";
import { t } from "../../i18n/locale";
import { problemText } from "../../lib/problem";
import type { Problem } from "../../lib/types";

interface PlaceHoldProps {
  recording: string;
  onPlaced: (hold: Hold) => void;
  onClose: () => void;
}

/** Asks why a recording has to be kept, and holds it. */
export function PlaceHold(props: PlaceHoldProps): JSX.Element {
  const form = createUniqueId();
  const [reason, setReason] = createSignal("");
  const [missing, setMissing] = createSignal(false);
  const [busy, setBusy] = createSignal(false);
  const [problem, setProblem] = createSignal<Problem | null>(null);
  const place = async (): Promise<void> => {
    const given = reason().trim();
    setMissing(!given);
    if (!given || busy()) return;
    setBusy(true);
    const answer = await placeHold(props.recording, given);
    setBusy(false);
    setProblem(answer.ok ? null : answer.problem);
    if (answer.ok) props.onPlaced(answer.value);
  };
  return (
    <Dialog
      open
      beginsInField
      onOpenChange={(open) => open || props.onClose()}
      title={t().holds.place}
      description={t().holds.placeDetail}
      actions={
        <>
          <Button onClick={() => props.onClose()}>{t().recording.cancel}</Button>
          <button type="submit" form={form} class="button button--primary" data-testid="place-hold">
            {t().holds.placeNow}
          </button>
        </>
      }
    >
      <Show when={problem()}>{(why) => <Notice tone="bad">{problemText(t(), why().code, why().detail)}</Notice>}</Show>
      <form
        id={form}
        onSubmit={(event) => {
          event.preventDefault();
          void place();
        }}
      >
        <TextField
          label={t().holds.reason}
          placeholder={t().holds.reasonExample}
          value={reason()}
          onInput={setReason}
          wide
          {...(missing() ? { error: t().holds.reasonNeeded } : {})}
          data-testid="hold-reason-input"
        />
      </form>
    </Dialog>
  );
}
