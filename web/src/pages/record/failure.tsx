import { createSignal, type JSX, Show } from "solid-js";
import { Confirm } from "../../design/confirm";
import { Icon } from "../../design/icon";
import { Notice } from "../../design/notice";
import { t } from "../../i18n/locale";
import { saveAs } from "../../io/files";
import { problemText } from "../../lib/problem";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";

export function Failure(props: { entry: Entry }): JSX.Element {
  const problem = () => props.entry.job.problem;
  return (
    <div class="failure" data-testid="error" data-code={problem()?.code}>
      <Notice tone="bad">
        <p>
          <strong>{t().job.failed}</strong>
        </p>
        <p>{problemText(t(), problem()?.code ?? "", problem()?.detail ?? "")}</p>
        <Show when={problem()?.request_id}>{(id) => <p class="failure__id">{t().job.requestId(id())}</p>}</Show>
      </Notice>
      <RescueActions entry={props.entry} />
    </div>
  );
}

export function Cancelled(props: { entry: Entry }): JSX.Element {
  return (
    <div class="failure">
      <Notice tone="info">
        <p>
          <strong>{t().job.cancelled}</strong>
        </p>
        <p>{t().job.cancelledDetail}</p>
      </Notice>
      <RescueActions entry={props.entry} />
    </div>
  );
}

/** What was recorded is never lost by an error: it can be sent again, saved, or thrown away on purpose. */
function RescueActions(props: { entry: Entry }): JSX.Element {
  const { session } = useApp();
  const [asking, setAsking] = createSignal(false);
  const atRisk = () => props.entry.source === "recording" && !props.entry.saved;
  const remove = (): void => session.entries.remove(props.entry.id);
  const save = (): void => {
    saveAs(props.entry.audio, props.entry.name);
    session.entries.change(props.entry.id, { saved: true });
  };
  return (
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
      <div class="row">
        <button
          type="button"
          class="button button--primary"
          data-testid="retry"
          onClick={() => session.send(props.entry.id)}
        >
          <Icon name="retry" />
          {t().job.retry}
        </button>
        <Show when={props.entry.source === "recording"}>
          <button type="button" class="button" data-testid="save-audio" onClick={save}>
            <Icon name="download" />
            {t().job.save}
          </button>
        </Show>
        <button
          type="button"
          class="button button--quiet"
          data-testid="remove"
          onClick={() => (atRisk() ? setAsking(true) : remove())}
        >
          <Icon name="trash" />
          {t().job.remove}
        </button>
      </div>
    </Show>
  );
}
