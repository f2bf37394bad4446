import { createSignal, createUniqueId, type JSX, onCleanup, onMount, Show } from "solid-js";
import { t } from "../i18n/locale";
import { Icon } from "./icon";

interface FilesProps {
  onFiles: (files: File[]) => void;
}

export function FilePicker(props: FilesProps): JSX.Element {
  const id = createUniqueId();
  const choose = (input: HTMLInputElement): void => {
    props.onFiles([...(input.files ?? [])]);
    // The same file can be chosen once more.
    input.value = "";
  };
  return (
    <div class="picker">
      <input
        id={id}
        class="picker__input visually-hidden"
        data-testid="file-input"
        type="file"
        accept="audio/*,video/*"
        multiple
        onChange={(event) => choose(event.currentTarget)}
      />
      <label class="button picker__button" for={id}>
        <Icon name="file" />
        {t().file.choose}
      </label>
      <p class="hint picker__drop">{t().file.drop}</p>
    </div>
  );
}

/** The whole page takes files that are dropped on it, and shows that it does while one is above it. */
export function DropTarget(props: FilesProps): JSX.Element {
  const [above, setAbove] = createSignal(false);
  // Entering a child comes before leaving its parent, so that only a count tells when the file has left the page.
  let depth = 0;
  const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
  const change = (event: DragEvent, by: number): void => {
    if (!holdsFiles(event)) return;
    depth += by;
    setAbove(depth > 0);
  };
  const handlers: Record<string, (event: DragEvent) => void> = {
    dragenter: (event) => change(event, 1),
    dragleave: (event) => change(event, -1),
    dragover: (event) => {
      if (holdsFiles(event)) event.preventDefault();
    },
    drop: (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setAbove(false);
      props.onFiles([...(event.dataTransfer?.files ?? [])]);
    },
  };
  const listeners = Object.entries(handlers) as [string, EventListener][];
  onMount(() => {
    for (const [name, handler] of listeners) window.addEventListener(name, handler);
  });
  onCleanup(() => {
    for (const [name, handler] of listeners) window.removeEventListener(name, handler);
  });
  return (
    <Show when={above()}>
      <div class="drop" data-testid="drop-target">
        <p>
          <Icon name="file" />
          {t().app.drop}
        </p>
      </div>
    </Show>
  );
}
