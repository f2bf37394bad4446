import { type JSX, type ParentProps, Show } from "solid-js";
import { Icon, type IconName } from "./icon";

export type BadgeTone = "plain" | "primary" | "busy" | "ok" | "bad" | "warning";

export function Badge(props: ParentProps<{ tone?: BadgeTone; icon?: IconName }>): JSX.Element {
  return (
    <span class="badge" data-tone={props.tone ?? "plain"}>
      <Show when={props.icon}>{(name) => <Icon name={name()} />}</Show>
      {props.children}
    </span>
  );
}

interface TagProps {
  text: string;
  /** What the button says that takes it away; with `onRemove`. */
  removeLabel?: string;
  onRemove?: () => void;
}

export function Tag(props: TagProps): JSX.Element {
  return (
    <span class="tag">
      {props.text}
      <Show when={props.onRemove}>
        {(remove) => (
          <button type="button" class="tag__remove" aria-label={props.removeLabel} onClick={() => remove()()}>
            <Icon name="close" />
          </button>
        )}
      </Show>
    </span>
  );
}
