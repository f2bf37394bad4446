import { createMemo, createSignal, For, type JSX, Match, Show, Switch } from "solid-js";
import type { Model } from "../../api/models";
import { Confirm } from "../../design/confirm";
import { Icon, type IconName } from "../../design/icon";
import { Notice } from "../../design/notice";
import { size, t } from "../../i18n/locale";
import { isRunning, noteOf } from "../../lib/models";
import { problemText } from "../../lib/problem";
import type { Problem } from "../../lib/types";
import { keepFocus } from "../../state/focus";
import type { Models } from "../../state/models";
import { ModelDetails, ModelFacts } from "./model-facts";
import { ModelProgress } from "./model-progress";

interface CardProps {
  model: Model;
  models: Models;
}

export function ModelCard(props: CardProps): JSX.Element {
  const titleId = () => `model-${props.model.name}`;
  return (
    <li class="card model" data-testid={`model-${props.model.name}`} data-state={props.model.state}>
      <article aria-labelledby={titleId()}>
        <div class="model__head">
          <h2 id={titleId()} class="model__name">
            {props.model.name}
          </h2>
          <Badges model={props.model} />
        </div>
        <Show when={noteOf(t(), props.model)}>{(note) => <p class="model__note">{note()}</p>}</Show>
        <ModelFacts model={props.model} />
        <Troubles {...props} />
        <Actions {...props} />
        <ModelDetails model={props.model} />
      </article>
    </li>
  );
}

const TONES = { not_installed: "plain", installed: "ok", damaged: "bad", busy: "busy" } as const;

function Badges(props: { model: Model }): JSX.Element {
  return (
    <p class="model__badges">
      <Show when={props.model.in_use}>
        <span class="badge" data-tone="primary">
          {t().models.inUse}
        </span>
      </Show>
      <span class="badge" data-tone={TONES[props.model.state]} data-testid="model-state">
        <Show when={props.model.state === "installed"}>
          <Icon name="check" />
        </Show>
        <Show when={props.model.state === "damaged"}>
          <Icon name="warning" />
        </Show>
        {t().models.states[props.model.state]}
      </span>
    </p>
  );
}

/** What is wrong: with the files, with what was tried last, or with what was just asked for. */
function Troubles(props: CardProps): JSX.Element {
  const damage = (): Problem | null =>
    props.model.state === "damaged" ? { code: "model_damaged", detail: props.model.why } : null;
  const problem = (): Problem | null => {
    const { operation } = props.model;
    const failure = operation?.state === "failed" ? operation.error : null;
    return props.models.refusal(props.model.name) ?? (damage() && failure?.code === "model_damaged" ? null : failure);
  };
  return (
    <>
      <Show when={damage()}>{(found) => <Trouble problem={found()} text={t().models.damagedHint} />}</Show>
      <Show when={problem()}>
        {(found) => <Trouble problem={found()} text={problemText(t(), found().code, found().detail)} />}
      </Show>
    </>
  );
}

function Trouble(props: { problem: Problem; text: string }): JSX.Element {
  const technical = () => [props.problem.detail, props.problem.hint].filter(Boolean);
  return (
    <div class="model__trouble" data-testid="error" data-code={props.problem.code}>
      <Notice tone="bad">
        <p>{props.text}</p>
        <Show when={technical().length > 0}>
          <details class="model__technical">
            <summary>{t().models.technical}</summary>
            <For each={technical()}>{(line) => <p lang="en">{line}</p>}</For>
          </details>
        </Show>
      </Notice>
    </div>
  );
}

/** What can be done with a model as it is. The focus stays here when one set of controls takes the place of another. */
function Actions(props: CardProps): JSX.Element {
  const [asking, setAsking] = createSignal(false);
  let area: HTMLDivElement | undefined;
  const running = () => (isRunning(props.model) ? props.model.operation : null);
  keepFocus(
    () => area,
    createMemo(() => `${props.model.state} ${asking()}`),
  );
  const remove = (): void => {
    setAsking(false);
    void props.models.remove(props.model.name);
  };
  return (
    <div class="model__actions" ref={area}>
      <Switch fallback={<Choices {...props} onRemove={() => setAsking(true)} />}>
        <Match when={running()}>
          {(operation) => <Running operation={operation()} model={props.model} models={props.models} />}
        </Match>
        <Match when={asking()}>
          <Confirm
            question={t().models.removeQuestion(props.model.name, size(props.model.own_bytes))}
            yes={t().models.removeConfirm}
            no={t().models.keep}
            onYes={remove}
            onNo={() => setAsking(false)}
          />
        </Match>
      </Switch>
    </div>
  );
}

function Running(props: CardProps & { operation: NonNullable<Model["operation"]> }): JSX.Element {
  return (
    <>
      <ModelProgress operation={props.operation} name={props.model.name} />
      <Show when={props.operation.started_by === "request" && !props.operation.cancelling}>
        <div class="row">
          <Action
            icon="close"
            text={t().models.cancel}
            {...props}
            onClick={() => props.models.cancel(props.model.name)}
          />
        </div>
      </Show>
    </>
  );
}

function Choices(props: CardProps & { onRemove: () => void }): JSX.Element {
  const name = () => props.model.name;
  const present = () => props.model.state === "installed" || props.model.state === "damaged";
  const pull = () => props.models.start(name(), "pull");
  return (
    <>
      <div class="row">
        <Show when={props.model.state === "not_installed"}>
          <Action icon="download" text={t().models.download} {...props} onClick={pull} />
        </Show>
        <Show when={props.model.state === "damaged"}>
          <Action primary icon="retry" text={t().models.repair} {...props} onClick={pull} />
        </Show>
        <Show when={present()}>
          <Action
            icon="shield"
            text={t().models.verify}
            {...props}
            onClick={() => props.models.start(name(), "verify")}
          />
        </Show>
        <Show when={present() && !props.model.in_use}>
          <Action quiet icon="trash" text={t().models.remove} {...props} onClick={props.onRemove} />
        </Show>
      </div>
      <Show when={present() && props.model.in_use}>
        <p class="hint">{t().models.inUseHint}</p>
      </Show>
    </>
  );
}

interface ActionProps extends CardProps {
  icon: IconName;
  text: string;
  primary?: boolean;
  quiet?: boolean;
  onClick: () => void;
}

/** Many cards have the same buttons: whoever hears them one by one is told which model each is about. */
function Action(props: ActionProps): JSX.Element {
  const pending = () => props.models.pending(props.model.name);
  return (
    <button
      type="button"
      class="button"
      classList={{ "button--primary": props.primary ?? false, "button--quiet": props.quiet ?? false }}
      aria-label={t().models.actionOn(props.text, props.model.name)}
      aria-disabled={pending()}
      data-testid={`model-${props.icon}`}
      onClick={() => pending() || props.onClick()}
    >
      <Icon name={props.icon} />
      {props.text}
    </button>
  );
}
