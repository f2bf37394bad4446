import { A } from "@solidjs/router";
import { type JSX, type ParentProps, Show, splitProps } from "solid-js";
import { Icon, type IconName } from "./icon";

export type ButtonTone = "plain" | "primary" | "danger" | "quiet";

interface Look {
  tone?: ButtonTone;
  icon?: IconName;
}

interface ButtonProps extends ParentProps<Look> {
  /** Something is going on: it stays where it is, keeps the focus, and does nothing. */
  busy?: boolean;
  onClick: (event: MouseEvent) => void;
  "data-testid"?: string;
  "aria-label"?: string;
  "aria-pressed"?: boolean;
  disabled?: boolean;
  title?: string;
}

const OWN = ["tone", "icon", "busy", "onClick", "children"] as const;

export function Button(props: ButtonProps): JSX.Element {
  const [own, rest] = splitProps(props, OWN);
  return (
    <button
      type="button"
      class={`button button--${own.tone ?? "plain"}`}
      aria-disabled={own.busy ? "true" : undefined}
      onClick={(event) => own.busy || own.onClick(event)}
      {...rest}
    >
      <Show when={own.icon}>{(name) => <Icon name={name()} />}</Show>
      {own.children}
    </button>
  );
}

interface LinkProps extends ParentProps<Look> {
  href: string;
  "data-testid"?: string;
}

/** Leads to another page of the app, and looks like a button. */
export function ButtonLink(props: LinkProps): JSX.Element {
  return (
    <A href={props.href} class={`button button--${props.tone ?? "plain"}`} data-testid={props["data-testid"]}>
      <Show when={props.icon}>{(name) => <Icon name={name()} />}</Show>
      {props.children}
    </A>
  );
}

interface IconButtonProps {
  icon: IconName;
  /** What it does: nothing else says it. */
  label: string;
  onClick: (event: MouseEvent) => void;
  tone?: ButtonTone;
  busy?: boolean;
  pressed?: boolean;
  disabled?: boolean;
  tabindex?: number;
  "data-testid"?: string;
  "data-control"?: string;
}

export function IconButton(props: IconButtonProps): JSX.Element {
  return (
    <button
      type="button"
      class={`button button--icon button--${props.tone ?? "quiet"}`}
      aria-label={props.label}
      title={props.label}
      aria-disabled={props.busy ? "true" : undefined}
      aria-pressed={props.pressed}
      disabled={props.disabled}
      tabindex={props.tabindex}
      data-testid={props["data-testid"]}
      data-control={props["data-control"]}
      onClick={(event) => props.busy || props.onClick(event)}
    >
      <Icon name={props.icon} />
    </button>
  );
}
