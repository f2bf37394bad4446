import { createSignal, type JSX } from "solid-js";
import { transcribeAgain } from "../../api/transcripts";
import { Button } from "../../design/button";
import { Dialog } from "../../design/dialog";
import { Select, TextField } from "../../design/field";
import { locale, t } from "../../i18n/locale";
import { languageChoices } from "../../lib/languages";
import { fields } from "../../lib/options";
import { MIXED, type Options, PROFILES, type ServiceStatus } from "../../lib/types";
import { useApp } from "../../state/context";
import { tellRefusal } from "./refusals";

const NOTHING_CHOSEN = { language: "", task: "transcribe", profile: "", hotwords: "" } as const;

/** Another transcription of the recording, with other options. */
export function AgainDialog(props: { recording: string; onClose: () => void }): JSX.Element {
  const { service, session } = useApp();
  const [model, setModel] = createSignal("");
  const [options, setOptions] = createSignal<Options>({ ...NOTHING_CHOSEN, script: session.options.script });
  const change = (changes: Partial<Options>): void => void setOptions((now) => ({ ...now, ...changes }));
  const status = () => {
    const known = service();
    return known.kind === "known" ? known.status : null;
  };
  const start = async (): Promise<void> => {
    props.onClose();
    const wish = { ...Object.fromEntries(fields(options())), ...(model() ? { model: model() } : {}) };
    tellRefusal(await transcribeAgain(props.recording, wish), () => void start());
  };
  return (
    <Dialog
      open={true}
      onOpenChange={props.onClose}
      title={t().again.title}
      description={t().again.intro}
      actions={
        <>
          <Button onClick={props.onClose}>{t().recording.cancel}</Button>
          <Button tone="primary" icon="retry" onClick={() => void start()} data-testid="again-start">
            {t().again.start}
          </Button>
        </>
      }
    >
      <div class="again">
        <Select label={t().again.model} value={model()} options={models(status())} onChange={setModel} />
        <Select
          label={t().options.language}
          value={options().language}
          options={languages(status())}
          onChange={(language) => change({ language })}
          data-testid="again-language"
        />
        <Select
          label={t().options.profile}
          value={options().profile}
          options={profiles(status())}
          onChange={(profile) => change({ profile })}
        />
        <TextField
          label={t().options.hotwords}
          value={options().hotwords}
          onInput={(hotwords) => change({ hotwords })}
          placeholder={t().options.hotwordsExample}
        />
        <Select
          label={t().options.task}
          value={options().task}
          options={[
            { value: "transcribe", label: t().options.transcribe },
            { value: "translate", label: t().options.translate },
          ]}
          onChange={(task) => change({ task })}
        />
      </div>
    </Dialog>
  );
}

function models(status: ServiceStatus | null) {
  const named = (status?.models ?? []).map((name) => ({ value: name, label: name }));
  return [{ value: "", label: t().again.served(status?.model ?? "") }, ...named];
}

function languages(status: ServiceStatus | null) {
  const { common, others } = languageChoices(status?.languages ?? [], locale());
  const mixed = status?.engine === "remote" ? [] : [{ value: MIXED, label: t().options.mixed }];
  const named = [...common, ...others].map(({ code, label }) => ({ value: code, label }));
  return [{ value: "", label: t().options.auto }, ...mixed, ...named];
}

function profiles(status: ServiceStatus | null) {
  const asServed = { value: "" as const, label: t().options.auto };
  if (status?.engine === "remote") return [asServed];
  return [asServed, ...PROFILES.map((value) => ({ value, label: t().options.profiles[value] }))];
}
