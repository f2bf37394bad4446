import { createSignal, type JSX, Show } from "solid-js";
import { Button } from "../../design/button";
import { Confirm } from "../../design/confirm";
import { Notice } from "../../design/notice";
import { t } from "../../i18n/locale";
import { saveAs } from "../../io/files";
import { problemText } from "../../lib/problem";
import type { Problem } from "../../lib/types";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";

/** The service has it, and could not make a text of it. */
export function JobFailure(props: { entry: Entry }): JSX.Element {
  const { session } = useApp();
  return (
    <Failed problem={props.entry.job.problem} detail={t().job.failedDetail}>
      <Button tone="primary" icon="retry" data-testid="retry" onClick={() => session.retry(props.entry)}>
        {t().job.retry}
      </Button>
    </Failed>
  );
}

export function Cancelled(props: { entry: Entry }): JSX.Element {
  const { session } = useApp();
  return (
    <div class="failure">
      <Notice tone="info">
        <p>
          <strong>{t().job.cancelled}</strong>
        </p>
        <p>{t().job.cancelledDetail}</p>
      </Notice>
      <div class="row">
        <Button tone="primary" icon="retry" data-testid="retry" onClick={() => session.retry(props.entry)}>
          {t().job.retry}
        </Button>
      </div>
    </div>
  );
}

/** The service does not take it. What is here of it can be sent again, saved, or thrown away on purpose. */
export function Refused(props: { entry: Entry }): JSX.Element {
  const { session } = useApp();
  const [asking, setAsking] = createSignal(false);
  const isRecording = () => props.entry.source === "recording";
  const remove = (): void => session.remove(props.entry.id);
  const saveRest = async (): Promise<void> => saveAs(await session.rest(props.entry.id), props.entry.name);
  return (
    <Failed problem={props.entry.sending.problem} detail={isRecording() ? t().sending.refusedDetail : ""}>
      <Show
        when={!asking()}
        fallback={
          <Confirm
            question={t().job.removeQuestion}
            yes={t().job.removeConfirm}
            no={t().job.keep}
            onYes={remove}
            onNo={() => setAsking(false)}
          />
        }
      >
        <Button tone="primary" icon="retry" data-testid="retry" onClick={() => session.retry(props.entry)}>
          {t().job.retry}
        </Button>
        <Show when={isRecording()}>
          <Button icon="download" data-testid="save-audio" onClick={() => void saveRest()}>
            {t().job.save}
          </Button>
        </Show>
        <Button
          tone="quiet"
          icon="trash"
          data-testid="remove"
          onClick={() => (isRecording() ? setAsking(true) : remove())}
        >
          {t().job.remove}
        </Button>
      </Show>
    </Failed>
  );
}

function Failed(props: { problem: Problem | null; detail: string; children: JSX.Element }): JSX.Element {
  return (
    <div class="failure" data-testid="error" data-code={props.problem?.code}>
      <Notice tone="bad">
        <p>
          <strong>{t().job.failed}</strong>
        </p>
        <p>{problemText(t(), props.problem?.code ?? "", props.problem?.detail ?? "")}</p>
        <Show when={props.detail}>
          <p>{props.detail}</p>
        </Show>
        <Show when={props.problem?.request_id}>{(id) => <p class="failure__id">{t().job.requestId(id())}</p>}</Show>
      </Notice>
      <div class="row">{props.children}</div>
    </div>
  );
}
