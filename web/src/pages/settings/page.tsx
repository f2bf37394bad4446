import type { JSX } from "solid-js";
import { Choice, Select } from "../../design/field";
import { Card, Page } from "../../design/page";
import { LANGUAGE_NAMES, LOCALES } from "../../i18n/choose";
import { locale, setLocale, t } from "../../i18n/locale";
import { SCRIPTS } from "../../lib/types";
import { CONTRASTS, contrast, setContrast, setTheme, THEMES, theme } from "../../state/appearance";
import { useApp } from "../../state/context";
import { showToast } from "../../state/toasts";
import "./settings.css";

export default function SettingsPage(): JSX.Element {
  return (
    <Page title={t().settings.title} intro={t().settings.intro} testid="settings-page">
      <Card title={t().settings.display}>
        <div class="settings">
          <LanguageChoice />
          <ThemeChoice />
          <ContrastChoice />
        </div>
      </Card>
      <Card title={t().settings.texts}>
        <div class="settings">
          <ScriptChoice />
        </div>
      </Card>
      <About />
    </Page>
  );
}

function LanguageChoice(): JSX.Element {
  const options = LOCALES.map((each) => ({ value: each, label: LANGUAGE_NAMES[each], lang: each }));
  const change = async (chosen: (typeof LOCALES)[number]): Promise<void> => {
    if (!(await setLocale(chosen))) showToast({ text: t().problems.network, tone: "bad" });
  };
  return (
    <Select
      label={t().settings.language}
      value={locale()}
      options={options}
      onChange={(chosen) => void change(chosen)}
      data-testid="settings-language"
    />
  );
}

function ThemeChoice(): JSX.Element {
  return (
    <Choice
      label={t().settings.theme}
      value={theme()}
      options={THEMES.map((value) => ({ value, label: t().settings.themes[value] }))}
      onChange={setTheme}
      data-testid="settings-theme"
    />
  );
}

function ContrastChoice(): JSX.Element {
  return (
    <Choice
      label={t().settings.contrast}
      value={contrast()}
      options={CONTRASTS.map((value) => ({ value, label: t().settings.contrasts[value] }))}
      onChange={setContrast}
      hint={t().settings.contrastHint}
      data-testid="settings-contrast"
    />
  );
}

function ScriptChoice(): JSX.Element {
  const { session } = useApp();
  const choices = () => [
    { value: "" as const, label: t().settings.scripts.auto },
    ...SCRIPTS.map((value) => ({ value, label: t().settings.scripts[value] })),
  ];
  return (
    <Select
      label={t().settings.script}
      value={session.options.script}
      options={choices()}
      onChange={(script) => session.setOptions("script", script)}
      hint={t().settings.scriptHint}
      data-testid="settings-script"
    />
  );
}

/** Whom one asks for help wants to know this first. */
function About(): JSX.Element {
  const { service } = useApp();
  const status = () => {
    const known = service();
    return known.kind === "known" ? known.status : null;
  };
  return (
    <Card title={t().settings.about}>
      <dl class="facts">
        <div>
          <dt>{t().settings.version}</dt>
          <dd>{status()?.version ?? t().settings.unknown}</dd>
        </div>
        <div>
          <dt>{t().settings.model}</dt>
          <dd>{status()?.model ?? t().settings.unknown}</dd>
        </div>
      </dl>
    </Card>
  );
}
