import { createEffect, createSignal, type JSX, on, onCleanup, onMount, Show } from "solid-js";
import { IconButton } from "../../design/button";
import { Icon } from "../../design/icon";
import { t } from "../../i18n/locale";

const CALM_MS = 250;
const TEXT_FIELDS = "input, select, textarea, [contenteditable]";

interface FinderProps {
  value: string;
  /** Once the typing has paused. */
  onFind: (words: string) => void;
  /** Down from the field: into what was found. */
  onDown: () => void;
}

/** The words to search for. In the middle of a composition, as of Chinese by its sounds, nothing is searched. */
export function Finder(props: FinderProps): JSX.Element {
  const [typed, setTyped] = createSignal(props.value);
  let field: HTMLInputElement | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const find = (): void => {
    clearTimeout(timer);
    if (typed() !== props.value) props.onFind(typed());
  };
  const onInput = (event: InputEvent & { currentTarget: HTMLInputElement }): void => {
    setTyped(event.currentTarget.value);
    clearTimeout(timer);
    if (!event.isComposing) timer = setTimeout(find, CALM_MS);
  };
  const clear = (): void => {
    setTyped("");
    find();
    field?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.isComposing) return;
    if (event.key === "Escape" && typed()) clear();
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    props.onDown();
  };
  createEffect(on(() => props.value, setTyped, { defer: true }));
  onSlash(() => field?.focus());
  onCleanup(() => clearTimeout(timer));
  return (
    // biome-ignore lint/a11y/useSemanticElements: older browsers do not know <search>, and would not tell of it.
    <form
      class="finder"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        find();
      }}
    >
      <Icon name="search" />
      <input
        ref={field}
        class="select finder__field"
        type="search"
        autocomplete="off"
        enterkeyhint="search"
        maxlength={500}
        aria-label={t().library.search}
        aria-keyshortcuts="/"
        placeholder={t().library.searchExample}
        data-testid="search"
        value={typed()}
        onInput={onInput}
        onCompositionEnd={(event) => {
          setTyped(event.currentTarget.value);
          timer = setTimeout(find, CALM_MS);
        }}
        onKeyDown={onKeyDown}
      />
      <Show when={typed()}>
        <IconButton icon="close" label={t().library.clearSearch} onClick={clear} />
      </Show>
    </form>
  );
}

/** The key /, wherever it is not meant for a field. */
function onSlash(focus: () => void): void {
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target instanceof Element && event.target.matches(TEXT_FIELDS)) return;
    event.preventDefault();
    focus();
  };
  onMount(() => document.addEventListener("keydown", onKeyDown));
  onCleanup(() => document.removeEventListener("keydown", onKeyDown));
}
