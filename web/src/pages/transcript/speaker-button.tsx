import { createSignal, For, type JSX, Show } from "solid-js";
import { Button } from "../../design/button";
import { Dialog } from "../../design/dialog";
import { TextField } from "../../design/field";
import { Icon } from "../../design/icon";
import { t } from "../../i18n/locale";
import { clock } from "../../lib/time";
import { initials } from "../../lib/transcript/speakers";
import type { Line } from "../../lib/transcript/types";
import { useReading } from "./reading";
import { tellRefusal } from "./refusals";

/** A letter in a colour: each tells speakers apart without the other. Drawn by CSS, as it is no part of any button's name. */
export function SpeakerMark(props: { name: string }): JSX.Element {
  const { looks } = useReading();
  return (
    <span
      class="speaker__mark"
      data-look={looks().get(props.name) ?? 0}
      data-initials={initials(props.name)}
      aria-hidden="true"
    />
  );
}

/** Who speaks in a line, and the way to say so. */
export function SpeakerButton(props: { line: Line; tabindex: number }): JSX.Element {
  const [open, setOpen] = createSignal(false);
  const time = () => clock(props.line.start);
  return (
    <>
      <button
        type="button"
        class="speaker"
        classList={{ "speaker--none": !props.line.speaker }}
        data-control="speaker"
        data-testid="speaker"
        tabindex={props.tabindex}
        aria-haspopup="dialog"
        aria-label={props.line.speaker ? t().speakers.of(props.line.speaker, time()) : t().speakers.who(time())}
        onClick={() => setOpen(true)}
      >
        <Show when={props.line.speaker} fallback={<Icon name="person" />}>
          {(name) => (
            <>
              <SpeakerMark name={name()} />
              <span class="speaker__name">{name()}</span>
            </>
          )}
        </Show>
      </button>
      <Show when={open()}>
        <SpeakerDialog line={props.line} onClose={() => setOpen(false)} />
      </Show>
    </>
  );
}

function SpeakerDialog(props: { line: Line; onClose: () => void }): JSX.Element {
  const { transcript, speakers } = useReading();
  const [name, setName] = createSignal("");
  const assign = async (speaker: string): Promise<void> => {
    props.onClose();
    if (speaker === props.line.speaker) return;
    const edits = [{ op: "set_speaker" as const, segments: [props.line.id], speaker }];
    tellRefusal(await transcript.submit(edits), () => void assign(speaker));
  };
  return (
    <Dialog open={true} onOpenChange={props.onClose} title={t().speakers.who(clock(props.line.start))}>
      <div class="speakers">
        <For each={speakers()}>
          {(known) => (
            <button
              type="button"
              class="button speakers__one"
              aria-pressed={known === props.line.speaker}
              onClick={() => void assign(known)}
            >
              <SpeakerMark name={known} />
              {known}
            </button>
          )}
        </For>
        <Button aria-pressed={!props.line.speaker} onClick={() => void assign("")}>
          {t().speakers.nobody}
        </Button>
      </div>
      <form
        class="speakers__new"
        onSubmit={(event) => {
          event.preventDefault();
          if (name().trim()) void assign(name().trim());
        }}
      >
        <TextField label={t().speakers.add} value={name()} onInput={setName} data-testid="new-speaker" />
        <button type="submit" class="button button--primary">
          {t().speakers.assign}
        </button>
      </form>
    </Dialog>
  );
}

/** Everyone who is named, each with another name where that is wanted. */
export function SpeakersDialog(props: { onClose: () => void }): JSX.Element {
  const { speakers } = useReading();
  return (
    <Dialog open={true} onOpenChange={props.onClose} title={t().speakers.title} description={t().speakers.renameHint}>
      <For each={speakers()} fallback={<p class="hint">{t().speakers.none}</p>}>
        {(name) => <Rename name={name} onClose={props.onClose} />}
      </For>
    </Dialog>
  );
}

function Rename(props: { name: string; onClose: () => void }): JSX.Element {
  const { transcript } = useReading();
  const [to, setTo] = createSignal(props.name);
  const rename = async (): Promise<void> => {
    const name = to().trim();
    if (!name || name === props.name) return;
    props.onClose();
    const edits = [{ op: "rename_speaker" as const, speaker: props.name, to: name }];
    tellRefusal(await transcript.submit(edits), () => void rename(), t().speakers.renamed);
  };
  return (
    <form
      class="speakers__new"
      onSubmit={(event) => {
        event.preventDefault();
        void rename();
      }}
    >
      <TextField label={t().speakers.rename(props.name)} value={to()} onInput={setTo} />
      <button type="submit" class="button">
        {t().recording.save}
      </button>
    </form>
  );
}
