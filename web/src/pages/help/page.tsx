import { For, type JSX } from "solid-js";
import { Card, Page } from "../../design/page";
import { t } from "../../i18n/locale";
import "./help.css";

const STEPS = ["record", "read", "find"] as const;
const QUESTIONS = ["microphone", "silent", "file", "lost", "names", "private"] as const;
const KEYS = ["record", "play", "move", "cancel"] as const;

export default function HelpPage(): JSX.Element {
  return (
    <Page title={t().help.title} intro={t().help.intro} testid="help-page">
      <Card title={t().help.first}>
        <ol class="steps">
          <For each={STEPS}>{(step) => <li>{t().help.steps[step]}</li>}</For>
        </ol>
      </Card>
      <Card title={t().help.questions}>
        <For each={QUESTIONS}>
          {(name) => (
            <details class="question">
              <summary>{t().help.asked[name].question}</summary>
              <p>{t().help.asked[name].answer}</p>
            </details>
          )}
        </For>
      </Card>
      <Keys />
    </Page>
  );
}

function Keys(): JSX.Element {
  return (
    <Card title={t().help.keyboard}>
      <dl class="keys">
        <For each={KEYS}>
          {(name) => (
            <div class="keys__row">
              <dt>
                <kbd>{t().help.keys[name].key}</kbd>
              </dt>
              <dd>{t().help.keys[name].does}</dd>
            </div>
          )}
        </For>
      </dl>
    </Card>
  );
}
