import { For, type JSX, Show } from "solid-js";
import { t } from "../i18n/locale";
import { dismissToast, holdToast, resumeToast, type ShownToast, toasts } from "../state/toasts";
import { Button, IconButton } from "./button";

/** A live region that is always there: screen readers do not hear one that comes with its text. */
export function Toasts(): JSX.Element {
  return (
    <section class="toasts" aria-live="polite" aria-label={t().states.news}>
      <For each={toasts()}>{(toast) => <ToastView toast={toast} />}</For>
    </section>
  );
}

function ToastView(props: { toast: ShownToast }): JSX.Element {
  const { id } = props.toast;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only waits while somebody reads or reaches for its buttons.
    <div
      class="toast"
      data-testid="toast"
      data-tone={props.toast.tone ?? "plain"}
      onFocusIn={() => holdToast(id)}
      onFocusOut={() => resumeToast(id)}
      onMouseEnter={() => holdToast(id)}
      onMouseLeave={() => resumeToast(id)}
    >
      <p class="toast__text">{props.toast.text}</p>
      <Show when={props.toast.action}>
        {(action) => (
          <Button
            tone="quiet"
            data-testid="toast-action"
            onClick={() => {
              action().run();
              dismissToast(id);
            }}
          >
            {action().label}
          </Button>
        )}
      </Show>
      <IconButton icon="close" label={t().states.dismiss} onClick={() => dismissToast(id)} />
    </div>
  );
}
