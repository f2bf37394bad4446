import { createSignal, type JSX, onMount, Show } from "solid-js";
import { Button, IconButton } from "../../design/button";
import { TextField } from "../../design/field";
import { count, locale, percent, t } from "../../i18n/locale";
import { pluralIn } from "../../i18n/plural";
import { problemText } from "../../lib/problem";
import { showToast } from "../../state/toasts";
import { useReading } from "./reading";

export function FindBar(): JSX.Element {
  const { finder } = useReading();
  const [by, setBy] = createSignal("");
  // On a phone the second field waits until it is asked for; elsewhere it has room (transcript.css).
  const [replacing, setReplacing] = createSignal(false);
  let form: HTMLFormElement | undefined;
  onMount(() => form?.querySelector("input")?.focus());
  const replaceAll = async (): Promise<void> => {
    const { count: replaced, problem } = await finder.replaceAll(by());
    const text = problem
      ? problemText(t(), problem.code, problem.detail)
      : pluralIn(locale())(replaced, t().find.replaced);
    showToast({ text, tone: problem ? "bad" : "plain" });
  };
  const replaceOne = async (): Promise<void> => {
    const problem = await finder.replaceOne(by());
    if (problem) showToast({ text: problemText(t(), problem.code, problem.detail), tone: "bad" });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.stopPropagation();
    finder.close();
  };
  return (
    <form
      class="find"
      data-replacing={replacing() ? "" : undefined}
      ref={form}
      aria-label={t().find.open}
      data-testid="find-bar"
      onKeyDown={onKeyDown}
      onSubmit={(event) => {
        event.preventDefault();
        finder.step(1);
      }}
    >
      <TextField
        label={t().find.find}
        placeholder={t().find.find}
        value={finder.query().text}
        onInput={(text) => finder.search({ text })}
        data-testid="find-text"
      />
      <div class="find__tools">
        <IconButton icon="up" label={t().find.previous} onClick={() => finder.step(-1)} />
        <IconButton icon="down" label={t().find.next} onClick={() => finder.step(1)} data-testid="find-next" />
        <IconButton icon="close" label={t().find.close} onClick={finder.close} />
      </div>
      <div class="find__replace">
        <TextField
          label={t().find.replace}
          placeholder={t().find.replace}
          value={by()}
          onInput={setBy}
          data-testid="replace-text"
        />
        <div class="find__tools">
          <Button onClick={() => void replaceOne()} disabled={none()} data-testid="replace-one">
            {t().find.one}
          </Button>
          <Button onClick={() => void replaceAll()} disabled={none()} data-testid="replace-all">
            {t().find.all}
          </Button>
        </div>
      </div>
      <div class="find__about">
        <Matches />
        <button
          type="button"
          class="find__switch"
          aria-expanded={replacing()}
          data-testid="replace-switch"
          onClick={() => setReplacing(!replacing())}
        >
          {t().find.one}
        </button>
        <label class="find__case">
          <input
            type="checkbox"
            checked={finder.query().matchCase}
            onChange={(event) => finder.search({ matchCase: event.currentTarget.checked })}
          />
          {t().find.matchCase}
        </label>
      </div>
    </form>
  );

  function none(): boolean {
    return finder.matches().length === 0 || finder.share() !== null;
  }
}

function Matches(): JSX.Element {
  const { finder } = useReading();
  const total = () => finder.matches().length;
  return (
    <output class="find__count" data-testid="find-count">
      <Show when={finder.share() === null} fallback={t().find.reading(percent(finder.share() ?? 0))}>
        <Show when={finder.query().text}>
          {total() > 0 ? t().find.matches(count(finder.at() + 1), count(total())) : t().find.none}
        </Show>
      </Show>
    </output>
  );
}
