import { createSignal, For, type JSX, onCleanup, Show } from "solid-js";
import { Icon } from "../../design/icon";
import { Notice } from "../../design/notice";
import { t } from "../../i18n/locale";
import { copyText, saveAs } from "../../io/files";
import { FORMATS, type Format, type Result } from "../../lib/types";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";

const MEDIA_TYPES: Record<Format, string> = {
  txt: "text/plain",
  srt: "application/x-subrip",
  vtt: "text/vtt",
  json: "application/json",
};

export function Toolbar(props: { entry: Entry; result: Result }): JSX.Element {
  const { session } = useApp();
  const [copied, setCopied] = createSignal<"no" | "yes" | "failed">("no");
  return (
    <div class="toolbar">
      <Show when={props.result.text}>
        <CopyButton text={props.result.text} copied={copied() === "yes"} onCopied={setCopied} />
        <Downloads entry={props.entry} result={props.result} />
      </Show>
      <button
        type="button"
        class="button button--quiet"
        data-testid="again"
        title={t().transcript.againHint}
        onClick={() => session.addAgain(props.entry)}
      >
        <Icon name="retry" />
        {t().transcript.again}
      </button>
      <Show when={copied() === "failed"}>
        <Notice tone="warning">{t().transcript.copyFailed}</Notice>
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

function Downloads(props: { entry: Entry; result: Result }): JSX.Element {
  const download = (format: Format): void => {
    const name = props.entry.name.replace(/\.[^.]*$/, "");
    saveAs(new Blob([props.result.formats[format]], { type: MEDIA_TYPES[format] }), `${name}.${format}`);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for what is filled in, these only belong together.
    <div class="downloads" role="group" aria-label={t().transcript.download}>
      <span class="downloads__icon" title={t().transcript.download}>
        <Icon name="download" />
      </span>
      <For each={FORMATS}>
        {(format) => (
          <button
            type="button"
            class="button downloads__format"
            data-testid={`download-${format}`}
            aria-label={t().transcript.downloadAs(format.toUpperCase())}
            onClick={() => download(format)}
          >
            {format.toUpperCase()}
          </button>
        )}
      </For>
    </div>
  );
}
