import { Dialog as Kobalte } from "@kobalte/core/dialog";
import type { JSX, ParentProps } from "solid-js";
import { Show } from "solid-js";
import { t } from "../i18n/locale";
import { Icon } from "./icon";
import "./dialog.css";

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description?: string;
  /** At the bottom, the most important one last. */
  actions?: JSX.Element;
  /** It begins in its first field, and not at the button that closes it. */
  beginsInField?: boolean;
}

/** A window over the page, which waits; a sheet at the bottom of a phone. */
export function Dialog(props: ParentProps<DialogProps>): JSX.Element {
  let content: HTMLDivElement | undefined;
  const onOpenAutoFocus = (event: Event): void => {
    const field = props.beginsInField ? content?.querySelector<HTMLElement>("input, textarea") : null;
    if (!field) return;
    event.preventDefault();
    field.focus();
  };
  return (
    <Kobalte open={props.open} onOpenChange={props.onOpenChange}>
      <Kobalte.Portal>
        <Kobalte.Overlay class="dialog__shade" />
        <div class="dialog__place">
          <Kobalte.Content class="dialog" ref={content} onOpenAutoFocus={onOpenAutoFocus}>
            <div class="dialog__head">
              <Kobalte.Title class="dialog__title">{props.title}</Kobalte.Title>
              <Kobalte.CloseButton class="button button--icon button--quiet" aria-label={t().states.close}>
                <Icon name="close" />
              </Kobalte.CloseButton>
            </div>
            <Show when={props.description}>
              <Kobalte.Description class="hint">{props.description}</Kobalte.Description>
            </Show>
            <div class="dialog__body">{props.children}</div>
            <Show when={props.actions}>
              <div class="dialog__actions">{props.actions}</div>
            </Show>
          </Kobalte.Content>
        </div>
      </Kobalte.Portal>
    </Kobalte>
  );
}
