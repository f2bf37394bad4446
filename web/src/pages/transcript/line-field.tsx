import { createUniqueId, type JSX, onCleanup, onMount, Show } from "solid-js";
import { Button } from "../../design/button";
import { t } from "../../i18n/locale";
import { problemText } from "../../lib/problem";
import { type Command, commandOf } from "../../lib/transcript/editing";
import { showToast } from "../../state/toasts";
import { useReading } from "./reading";

/** The text of a line while it is edited. Leaving it saves it too: nothing that was typed is lost. */
export function LineField(props: { time: string }): JSX.Element {
  const { editor } = useReading();
  const hint = createUniqueId();
  let field: HTMLTextAreaElement | undefined;
  const state = () => {
    const now = editor.state();
    return now.kind === "typing" || now.kind === "saving" ? now : null;
  };
  const problem = () => {
    const now = editor.state();
    return now.kind === "typing" ? now.problem : null;
  };
  const grow = (): void => {
    if (!field) return;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!field) return;
    const command = commandOf(event, { start: field.selectionStart, end: field.selectionEnd });
    if (command === null) return;
    event.preventDefault();
    event.stopPropagation();
    if (editor.state().kind === "typing") createCommands(editor, field)[command]();
  };
  onMount(() => {
    const now = editor.state();
    grow();
    field?.focus({ preventScroll: true });
    if (now.kind === "typing") field?.setSelectionRange(now.caret, now.caret);
  });
  // The field goes when the line is saved or given up; the focus goes to the button that leads back to it.
  onCleanup(() => {
    const row = document.activeElement === field ? field?.closest<HTMLElement>("[data-id]") : null;
    if (row) setTimeout(() => returnFocus(row));
  });
  return (
    <div class="line__field">
      <textarea
        ref={field}
        class="line__input"
        rows="1"
        aria-label={t().edit.field(props.time)}
        aria-describedby={hint}
        aria-invalid={problem() ? "true" : undefined}
        aria-busy={state()?.kind === "saving"}
        readonly={state()?.kind === "saving"}
        data-testid="line-input"
        value={state()?.draft ?? ""}
        onInput={(event) => {
          editor.input(event.currentTarget.value);
          grow();
        }}
        onKeyDown={onKeyDown}
        onBlur={() => editor.state().kind === "typing" && !problem() && void editor.save()}
      />
      <Show when={problem()}>
        {(why) => (
          <p class="field__hint field__hint--bad" role="alert">
            {problemText(t(), why().code, why().detail)}
          </p>
        )}
      </Show>
      <p id={hint} class="field__hint line__keys">
        {t().edit.keys}
      </p>
      <Actions run={(command) => field && createCommands(editor, field)[command]()} />
    </div>
  );
}

/** The same for those who have no such keys. Pressing one must not leave the field, which would save it. */
function Actions(props: { run: (command: NonNullable<Command>) => void }): JSX.Element {
  const action = (command: NonNullable<Command>, text: () => string) => (
    <button
      type="button"
      class="button button--quiet"
      tabindex="-1"
      data-testid={`line-${command}`}
      onMouseDown={(event) => event.preventDefault()}
      onClick={() => props.run(command)}
    >
      {text()}
    </button>
  );
  return (
    <div class="line__actions">
      {action("save", () => t().recording.save)}
      {action("cancel", () => t().recording.cancel)}
      {action("split", () => t().edit.split)}
      {action("merge", () => t().edit.merge)}
    </div>
  );
}

function createCommands(
  editor: ReturnType<typeof useReading>["editor"],
  field: HTMLTextAreaElement,
): Record<NonNullable<Command>, () => void> {
  return {
    save: () => void editor.save(),
    cancel: editor.cancel,
    next: () => void editor.saveAndOpen(1),
    previous: () => void editor.saveAndOpen(-1),
    split: () => void editor.split(field.selectionStart),
    merge: () => void editor.merge(),
  };
}

/** Where another line was opened meanwhile the focus is there already. */
function returnFocus(row: HTMLElement): void {
  if (document.activeElement && document.activeElement !== document.body) return;
  row.querySelector<HTMLElement>("[data-control=edit]")?.focus({ preventScroll: true });
}

/** Somebody else has changed the same line: both texts, and the choice between them. */
export function Conflict(): JSX.Element {
  const { editor } = useReading();
  let box: HTMLDivElement | undefined;
  onMount(() => box?.focus({ preventScroll: true }));
  const both = () => {
    const now = editor.state();
    return now.kind === "conflict" ? now : { draft: "", theirs: null };
  };
  return (
    <div class="conflict" role="alert" tabindex="-1" ref={box} data-testid="conflict">
      <p class="conflict__title">{both().theirs === null ? t().edit.conflictGone : t().edit.conflict}</p>
      <dl class="conflict__texts">
        <Show when={both().theirs}>
          {(theirs) => (
            <div>
              <dt>{t().edit.theirs}</dt>
              <dd>{theirs()}</dd>
            </div>
          )}
        </Show>
        <div>
          <dt>{t().edit.mine}</dt>
          <dd>{both().draft}</dd>
        </div>
      </dl>
      <div class="row">
        <Button data-testid="take-theirs" onClick={editor.cancel}>
          {t().edit.takeTheirs}
        </Button>
        <Button icon="copy" onClick={() => void copy(both().draft)}>
          {t().edit.copyMine}
        </Button>
        <Show when={both().theirs !== null}>
          <Button tone="primary" data-testid="keep-mine" onClick={() => void editor.keepMine()}>
            {t().edit.keepMine}
          </Button>
        </Show>
      </div>
    </div>
  );
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    showToast({ text: t().transcript.copied });
  } catch {
    showToast({ text: t().transcript.copyFailed, tone: "bad" });
  }
}
