import { createSignal, For, type JSX, onCleanup, Show } from "solid-js";
import { Button, ButtonLink } from "../../design/button";
import { Icon } from "../../design/icon";
import { Notice } from "../../design/notice";
import { t } from "../../i18n/locale";
import { copyText } from "../../io/files";
import { recordingPath } from "../../lib/pages";
import { problemText } from "../../lib/problem";
import { FORMATS, type Format } from "../../lib/types";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";

export function Toolbar(props: { entry: Entry; recordingId: string }): JSX.Element {
  const { session } = useApp();
  const [copied, setCopied] = createSignal<"no" | "yes" | "failed">("no");
  const job = () => props.entry.job;
  const text = () =>
    job()
      .segments.map((segment) => segment.text.trim())
      .join("\n");
  return (
    <div class="toolbar">
      <Show when={text()}>
        <CopyButton text={text()} copied={copied() === "yes"} onCopied={setCopied} />
        <Downloads recordingId={props.recordingId} />
      </Show>
      <ButtonLink href={recordingPath(props.recordingId)} icon="edit" data-testid="open-recording">
        {t().transcript.open}
      </ButtonLink>
      <span title={t().transcript.againHint}>
        <Button tone="quiet" icon="retry" data-testid="again" onClick={() => session.again(props.entry)}>
          {t().transcript.again}
        </Button>
      </span>
      <Show when={copied() === "failed"}>
        <Notice tone="warning">{t().transcript.copyFailed}</Notice>
      </Show>
      <Show when={job().problem}>
        {(problem) => <Notice tone="bad">{problemText(t(), problem().code, problem().detail)}</Notice>}
      </Show>
      <Show when={job().more}>
        <Notice tone="info">{t().transcript.more}</Notice>
      </Show>
    </div>
  );
}

interface CopyButtonProps {
  text: string;
  copied: boolean;
  onCopied: (copied: "no" | "yes" | "failed") => void;
}

const COPIED_MS = 2500;

function CopyButton(props: CopyButtonProps): JSX.Element {
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));
  const copy = async (): Promise<void> => {
    const done = await copyText(props.text);
    props.onCopied(done ? "yes" : "failed");
    clearTimeout(timer);
    if (done) timer = setTimeout(() => props.onCopied("no"), COPIED_MS);
  };
  return (
    <button type="button" class="button button--primary" data-testid="copy" aria-live="polite" onClick={copy}>
      <Icon name={props.copied ? "check" : "copy"} />
      {props.copied ? t().transcript.copied : t().transcript.copy}
    </button>
  );
}

function Downloads(props: { recordingId: string }): JSX.Element {
  const address = (format: Format): string =>
    `/api/v1/recordings/${encodeURIComponent(props.recordingId)}/export?format=${format}`;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for what is filled in, these only belong together.
    <div class="downloads" role="group" aria-label={t().transcript.download}>
      <span class="downloads__icon" title={t().transcript.download}>
        <Icon name="download" />
      </span>
      <For each={FORMATS}>
        {(format) => (
          <a
            class="button downloads__format"
            data-testid={`download-${format}`}
            aria-label={t().transcript.downloadAs(format.toUpperCase())}
            href={address(format)}
            download=""
            rel="external"
          >
            {format.toUpperCase()}
          </a>
        )}
      </For>
    </div>
  );
}
