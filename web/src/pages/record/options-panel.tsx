import { createMemo, createUniqueId, For, type JSX, Show } from "solid-js";
import { locale, t } from "../../i18n/locale";
import { type LanguageChoice, languageChoices } from "../../lib/languages";
import { decodesElsewhere } from "../../lib/service";
import { MIXED, PROFILES, type Profile, type Task } from "../../lib/types";
import { useApp } from "../../state/context";

export function OptionsPanel(): JSX.Element {
  const { service } = useApp();
  return (
    <fieldset class="options">
      <legend class="visually-hidden">{t().options.title}</legend>
      <LanguageSelect />
      <Show when={!decodesElsewhere(service())}>
        <ProfileSelect />
      </Show>
      <TaskSelect />
      <HotwordsField />
    </fieldset>
  );
}

function LanguageSelect(): JSX.Element {
  const { service, session } = useApp();
  const id = createUniqueId();
  const choices = createMemo(() => {
    const known = service();
    return languageChoices(known.kind === "known" ? known.status.languages : [], locale());
  });
  return (
    <div class="field field--wide">
      <label for={id}>{t().options.language}</label>
      <select
        id={id}
        class="select"
        data-testid="language"
        value={session.options.language}
        onChange={(event) => session.setOptions("language", event.currentTarget.value)}
      >
        <option value="">{t().options.auto}</option>
        <Show when={!decodesElsewhere(service())}>
          <option value={MIXED}>{t().options.mixed}</option>
        </Show>
        <Group label={t().options.common} choices={choices().common} chosen={session.options.language} />
        <Group label={t().options.others} choices={choices().others} chosen={session.options.language} />
      </select>
    </div>
  );
}

/** `selected` on the option: the list is rebuilt at each change of language, and would forget the choice. */
function Group(props: { label: string; choices: LanguageChoice[]; chosen: string }): JSX.Element {
  return (
    <Show when={props.choices.length > 0}>
      <optgroup label={props.label}>
        <For each={props.choices}>
          {({ code, label }) => (
            <option value={code} selected={code === props.chosen}>
              {label}
            </option>
          )}
        </For>
      </optgroup>
    </Show>
  );
}

/** Shows the service's own profile until one is chosen. */
function ProfileSelect(): JSX.Element {
  const { service, session } = useApp();
  const id = createUniqueId();
  const shown = (): Profile => {
    const known = service();
    return session.options.profile || (known.kind === "known" ? known.status.profile : "balanced");
  };
  return (
    <div class="field">
      <label for={id}>{t().options.profile}</label>
      <select
        id={id}
        class="select"
        data-testid="profile"
        value={shown()}
        onChange={(event) => session.setOptions("profile", event.currentTarget.value as Profile)}
      >
        <For each={PROFILES}>
          {(profile) => (
            <option value={profile} selected={profile === shown()}>
              {t().options.profiles[profile]}
            </option>
          )}
        </For>
      </select>
    </div>
  );
}

/** The names are of people who are cared for: they stay in this browser until the field is cleared. */
function HotwordsField(): JSX.Element {
  const { session } = useApp();
  const id = createUniqueId();
  return (
    <div class="field field--wide">
      <label for={id}>{t().options.hotwords}</label>
      <input
        id={id}
        class="select"
        type="text"
        autocomplete="off"
        spellcheck={false}
        data-testid="hotwords"
        placeholder={t().options.hotwordsExample}
        aria-describedby={`${id}-hint`}
        value={session.options.hotwords}
        onInput={(event) => session.setOptions("hotwords", event.currentTarget.value)}
      />
      <p class="field__hint" id={`${id}-hint`}>
        {t().options.hotwordsHint}
      </p>
    </div>
  );
}

function TaskSelect(): JSX.Element {
  const { session } = useApp();
  const id = createUniqueId();
  return (
    <div class="field">
      <label for={id}>{t().options.task}</label>
      <select
        id={id}
        class="select"
        data-testid="task"
        value={session.options.task}
        onChange={(event) => session.setOptions("task", event.currentTarget.value as Task)}
      >
        <option value="transcribe">{t().options.transcribe}</option>
        <option value="translate">{t().options.translate}</option>
      </select>
    </div>
  );
}
