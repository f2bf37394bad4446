import type { JSX } from "solid-js";
import { locale, setLocale, t, textsOf } from "../i18n/locale";
import { ADDRESS } from "../lib/route";
import { useApp } from "../state/context";
import { cycleTheme, theme } from "../state/theme";
import { Icon, Logo } from "./icon";

export function Header(): JSX.Element {
  return (
    <header class="header">
      <div class="brand">
        <Logo />
        <div>
          <h1 class="brand__name">Care Voice</h1>
          <p class="brand__tagline">{t().app.tagline}</p>
        </div>
      </div>
      <div class="header__tools">
        <ModelsLink />
        <LanguageSwitch />
        <ThemeSwitch />
      </div>
    </header>
  );
}

function ModelsLink(): JSX.Element {
  const { route } = useApp();
  return (
    <a
      class="button button--quiet"
      data-testid="models-link"
      href={ADDRESS.models}
      title={t().models.title}
      aria-current={route() === "models" ? "page" : undefined}
    >
      <Icon name="models" />
      <span class="header__word">{t().models.link}</span>
    </a>
  );
}

/** Named in the language that it leads to, for whoever cannot read the other. */
function LanguageSwitch(): JSX.Element {
  const other = () => (locale() === "en" ? "zh-TW" : "en");
  return (
    <button
      type="button"
      class="button button--quiet"
      data-testid="language-switch"
      lang={other()}
      onClick={() => setLocale(other())}
    >
      {textsOf(other()).languageName}
    </button>
  );
}

function ThemeSwitch(): JSX.Element {
  const label = () => t().theme.label(t().theme[theme()]);
  return (
    <button
      type="button"
      class="button button--quiet button--icon"
      data-testid="theme-switch"
      aria-label={label()}
      title={label()}
      onClick={cycleTheme}
    >
      <Icon name={theme()} />
    </button>
  );
}
