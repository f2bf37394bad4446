import { createSignal, type JSX, onCleanup, onMount, Show } from "solid-js";
import { Icon } from "../design/icon";
import { t } from "../i18n/locale";

interface FilesProps {
  onFiles: (files: File[]) => void;
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
