import { createSignal, For, type JSX, Show } from "solid-js";
import { deleteForGood, type FoundRecording, type Receipt } from "../../api/library";
import { Button } from "../../design/button";
import { Dialog } from "../../design/dialog";
import { Notice } from "../../design/notice";
import { ProgressBar } from "../../design/progress-bar";
import { count, counted, dateAndTime, size, t } from "../../i18n/locale";
import { saveAs } from "../../io/files";
import { problemText } from "../../lib/problem";
import { stamp } from "../../lib/time";
import type { Problem } from "../../lib/types";
import { recordingName } from "../../state/recording-name";

interface DeleteDialogProps {
  recordings: readonly FoundRecording[];
  onDeleted: (id: string) => void;
  onClose: () => void;
}

/** Says what will happen, does it when that is confirmed, and shows what was done. */
export function DeleteDialog(props: DeleteDialogProps): JSX.Element {
  const recordings = props.recordings.map((each) => ({ ...each }));
  const [receipts, setReceipts] = createSignal<readonly Receipt[]>([]);
  const [problem, setProblem] = createSignal<Problem | null>(null);
  const [state, setState] = createSignal<"asking" | "deleting" | "done">("asking");

  const run = async (): Promise<void> => {
    setState("deleting");
    for (const { id } of recordings) {
      const answer = await deleteForGood(id);
      if (!answer.ok) setProblem(answer.problem);
      else {
        setReceipts((now) => [...now, answer.value]);
        props.onDeleted(id);
      }
    }
    setState("done");
  };
  const title = () =>
    receipts().length > 0 && state() === "done"
      ? counted(receipts().length, t().library.receiptTitle)
      : counted(recordings.length, t().library.deleteQuestion);
  const save = (): void => {
    const text = JSON.stringify(receipts(), null, 2);
    saveAs(new Blob([text], { type: "application/json" }), `${t().library.receiptFile}-${stamp(new Date())}.json`);
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => open || state() === "deleting" || props.onClose()}
      title={title()}
      actions={
        <Actions state={state()} receipts={receipts()} onRun={() => void run()} onSave={save} onClose={props.onClose} />
      }
    >
      <Show when={problem()}>{(why) => <Notice tone="bad">{problemText(t(), why().code, why().detail)}</Notice>}</Show>
      <Show when={state() === "asking"}>
        <Consequences recordings={recordings} />
      </Show>
      <Show when={state() === "deleting"}>
        <ProgressBar value={receipts().length / recordings.length} label={t().library.deleting} />
      </Show>
      <Show when={state() === "done"}>
        <For each={receipts()}>{(receipt) => <ReceiptFacts receipt={receipt} />}</For>
      </Show>
    </Dialog>
  );
}

interface ActionsProps {
  state: "asking" | "deleting" | "done";
  receipts: readonly Receipt[];
  onRun: () => void;
  onSave: () => void;
  onClose: () => void;
}

function Actions(props: ActionsProps): JSX.Element {
  return (
    <Show
      when={props.state === "done"}
      fallback={
        <>
          <Button busy={props.state === "deleting"} onClick={() => props.onClose()}>
            {t().library.cancel}
          </Button>
          <Button
            tone="danger"
            busy={props.state === "deleting"}
            onClick={() => props.onRun()}
            data-testid="delete-confirm"
          >
            {props.state === "deleting" ? t().library.deleting : t().library.deleteConfirm}
          </Button>
        </>
      }
    >
      <Show when={props.receipts.length > 0}>
        <Button icon="download" onClick={() => props.onSave()} data-testid="receipt-save">
          {t().library.receiptSave}
        </Button>
      </Show>
      <Button tone="primary" onClick={() => props.onClose()}>
        {t().states.close}
      </Button>
    </Show>
  );
}

const MOST_NAMED = 5;

function Consequences(props: { recordings: readonly FoundRecording[] }): JSX.Element {
  return (
    <div class="consequences">
      <ul class="consequences__names">
        <For each={props.recordings.slice(0, MOST_NAMED)}>{(recording) => <li>{recordingName(recording)}</li>}</For>
        <Show when={props.recordings.length > MOST_NAMED}>
          <li aria-hidden="true">…</li>
        </Show>
      </ul>
      <p>{t().library.deleteDetail}</p>
      <ul class="consequences__parts">
        <For each={Object.values(t().library.deleteParts)}>{(part) => <li>{part}</li>}</For>
      </ul>
      <p class="hint">{t().library.deleteReceipt}</p>
      <p class="hint">{t().library.deleteBackups}</p>
    </div>
  );
}

function ReceiptFacts(props: { receipt: Receipt }): JSX.Element {
  const deleted = () => props.receipt.deleted;
  const rows = () => Object.values(deleted().rows).reduce((sum, each) => sum + each, 0);
  const facts = (): [string, string][] => [
    [t().library.receipt, props.receipt.id],
    [t().library.receiptAt, dateAndTime(props.receipt.deleted_at)],
    [t().library.receiptSound, size(deleted().audio_bytes + deleted().derived_bytes)],
    [t().library.receiptRows, count(rows())],
    [
      t().library.receiptSoundGone,
      props.receipt.audio_gone_at ? dateAndTime(props.receipt.audio_gone_at) : t().library.receiptSoundGoing,
    ],
  ];
  return (
    <dl class="receipt facts" data-testid="receipt">
      <For each={facts()}>
        {([name, value]) => (
          <div>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        )}
      </For>
      <Show when={deleted().sha256}>
        {(digest) => (
          <div class="receipt__digest">
            <dt>{t().library.receiptDigest}</dt>
            <dd>{digest()}</dd>
          </div>
        )}
      </Show>
    </dl>
  );
}
