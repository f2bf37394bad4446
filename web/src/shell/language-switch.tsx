import { For, type JSX } from "solid-js";
import { Icon } from "../design/icon";
import { LANGUAGE_NAMES, LOCALES, type Locale } from "../i18n/choose";
import { locale, setLocale, t } from "../i18n/locale";
import { showToast } from "../state/toasts";

/** Each language by its own name, in sight on every page: whoever cannot read this one has to find it. */
export function LanguageSwitch(): JSX.Element {
  return (
    <label class="language">
      <Icon name="globe" />
      <span class="visually-hidden">{t().settings.language}</span>
      <select
        class="language__select"
        data-testid="language-switch"
        onChange={(event) => void changeLanguage(event.currentTarget.value as Locale, event.currentTarget)}
      >
        <For each={LOCALES}>
          {(each) => (
            <option value={each} lang={each} selected={each === locale()}>
              {LANGUAGE_NAMES[each]}
            </option>
          )}
        </For>
      </select>
    </label>
  );
}

async function changeLanguage(chosen: Locale, select: HTMLSelectElement): Promise<void> {
  if (await setLocale(chosen)) return;
  select.value = locale();
  showToast({ text: t().problems.network, tone: "bad" });
}
