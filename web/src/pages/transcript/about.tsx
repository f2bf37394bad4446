import { createSignal, For, type JSX, onMount, Show } from "solid-js";
import { changeRecording, type Recording } from "../../api/transcripts";
import { Tag } from "../../design/badge";
import { Button, IconButton } from "../../design/button";
import { Notice } from "../../design/notice";
import { dateAndTime, locale, t } from "../../i18n/locale";
import { isKnownLanguage, languageNamer } from "../../lib/languages";
import { clock } from "../../lib/time";
import { recordingName } from "../../state/recording-name";
import type { Shown } from "../../state/transcript";
import { tellRefusal } from "./refusals";

interface AboutProps {
  recording: Recording;
  head: Shown | null;
  onChange: (recording: Recording) => void;
}

type Changes = Parameters<typeof changeRecording>[1];

/** Sends a change of what is written about the recording, and shows it when the service has it. */
async function change(props: AboutProps, changes: Changes, done?: string): Promise<boolean> {
  const answer = await changeRecording(props.recording.id, changes);
  if (answer.ok) props.onChange(answer.value);
  return tellRefusal(answer, null, done);
}

export function About(props: AboutProps): JSX.Element {
  return (
    <section class="about" aria-label={t().recording.about}>
      <Facts {...props} />
      <div class="about__more">
        <Tags {...props} />
        <Notes {...props} />
      </div>
      <Show when={props.recording.legal_hold}>
        <Notice tone="info" icon="lock">
          <b>{t().recording.hold}</b> {t().recording.holdReason(props.recording.hold_reason ?? "")}
        </Notice>
      </Show>
    </section>
  );
}

function Facts(props: AboutProps): JSX.Element {
  const language = (head: Shown): string => languageNamer(locale())(head.language, head.language_name);
  return (
    <dl class="about__facts">
      <div>
        <dt class="visually-hidden">{t().recording.date}</dt>
        <dd>{dateAndTime(props.recording.created_at)}</dd>
      </div>
      <Show when={props.recording.duration_s}>
        {(seconds) => (
          <div>
            <dt class="visually-hidden">{t().recording.length}</dt>
            <dd>{clock(seconds())}</dd>
          </div>
        )}
      </Show>
      <Show when={props.head}>
        {(head) => (
          <>
            <Show when={isKnownLanguage(head().language)}>
              <div>
                <dt class="visually-hidden">{t().recording.language}</dt>
                <dd>{language(head())}</dd>
              </div>
            </Show>
            <div>
              <dt class="visually-hidden">{t().recording.version}</dt>
              <dd data-testid="version">{t().recording.versionOf(String(head().version), head().model)}</dd>
            </div>
          </>
        )}
      </Show>
    </dl>
  );
}

function Tags(props: AboutProps): JSX.Element {
  const [adding, setAdding] = createSignal(false);
  const [text, setText] = createSignal("");
  let field: HTMLInputElement | undefined;
  const add = async (): Promise<void> => {
    const tag = text().trim();
    setAdding(false);
    if (!tag || props.recording.tags.includes(tag)) return;
    if (await change(props, { tags: [...props.recording.tags, tag] })) setText("");
    else setAdding(true);
  };
  const remove = (tag: string): void =>
    void change(props, { tags: props.recording.tags.filter((each) => each !== tag) });
  return (
    <div class="about__tags">
      <For each={props.recording.tags}>
        {(tag) => <Tag text={tag} removeLabel={t().recording.removeTag(tag)} onRemove={() => remove(tag)} />}
      </For>
      <Show
        when={adding()}
        fallback={
          <Button tone="quiet" icon="tag" onClick={() => setAdding(true)} data-testid="add-tag">
            <span class="about__word">{t().recording.addTag}</span>
          </Button>
        }
      >
        <form
          class="about__form"
          onSubmit={(event) => {
            event.preventDefault();
            void add();
          }}
        >
          <input
            class="select"
            ref={(element) => {
              field = element;
              queueMicrotask(() => field?.focus());
            }}
            maxlength="100"
            aria-label={t().recording.addTag}
            value={text()}
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => event.key === "Escape" && setAdding(false)}
          />
          <button type="submit" class="button">
            {t().recording.save}
          </button>
        </form>
      </Show>
    </div>
  );
}

function Notes(props: AboutProps): JSX.Element {
  const [draft, setDraft] = createSignal<string | null>(null);
  const save = async (): Promise<void> => {
    if (await change(props, { notes: draft() ?? "" }, t().recording.notesSaved)) setDraft(null);
  };
  return (
    <details class="about__notes" open={props.recording.notes !== ""}>
      <summary>{t().recording.notes}</summary>
      <textarea
        class="select about__text"
        rows="2"
        maxlength="20000"
        aria-label={t().recording.notes}
        placeholder={t().recording.notesHint}
        data-testid="notes"
        value={draft() ?? props.recording.notes}
        onInput={(event) => setDraft(event.currentTarget.value)}
      />
      <Show when={draft() !== null && draft() !== props.recording.notes}>
        <div class="row">
          <Button tone="primary" onClick={() => void save()}>
            {t().recording.save}
          </Button>
          <Button onClick={() => setDraft(null)}>{t().recording.cancel}</Button>
        </div>
      </Show>
    </details>
  );
}

/** In the place of the heading while it is changed. */
export function TitleForm(props: AboutProps & { onClose: () => void }): JSX.Element {
  const [title, setTitle] = createSignal(recordingName(props.recording));
  let field: HTMLInputElement | undefined;
  onMount(() => field?.select());
  const save = async (): Promise<void> => {
    const wanted = title().trim();
    if (wanted === props.recording.title || (await change(props, { title: wanted }, t().recording.titleSaved))) {
      props.onClose();
    }
  };
  return (
    <form
      class="about__form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
      onKeyDown={(event) => event.key === "Escape" && !event.isComposing && props.onClose()}
    >
      <input
        class="select about__title"
        ref={field}
        maxlength="500"
        aria-label={t().recording.titleField}
        data-testid="title-input"
        value={title()}
        onInput={(event) => setTitle(event.currentTarget.value)}
      />
      <button type="submit" class="button button--primary">
        {t().recording.save}
      </button>
      <Button onClick={props.onClose}>{t().recording.cancel}</Button>
    </form>
  );
}

export function EditTitle(props: { onClick: () => void }): JSX.Element {
  return <IconButton icon="edit" label={t().recording.editTitle} onClick={props.onClick} data-testid="edit-title" />;
}
