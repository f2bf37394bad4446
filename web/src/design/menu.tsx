import { DropdownMenu } from "@kobalte/core/dropdown-menu";
import { For, type JSX, Show } from "solid-js";
import { Icon, type IconName } from "./icon";
import "./menu.css";

export interface MenuItem {
  label: string;
  onSelect: () => void;
  icon?: IconName;
  danger?: boolean;
  disabled?: boolean;
  testid?: string;
}

interface MenuProps {
  /** Names the button; in sight unless there is only an icon. */
  label: string;
  icon?: IconName;
  iconOnly?: boolean;
  items: readonly MenuItem[];
  testid?: string;
}

export function Menu(props: MenuProps): JSX.Element {
  return (
    <DropdownMenu gutter={4}>
      <DropdownMenu.Trigger
        class="button"
        classList={{ "button--icon": props.iconOnly ?? false, "button--quiet": props.iconOnly ?? false }}
        aria-label={props.label}
        data-testid={props.testid}
      >
        <Show when={props.icon}>{(name) => <Icon name={name()} />}</Show>
        <Show when={!props.iconOnly}>
          {props.label}
          <Icon name="down" />
        </Show>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content class="menu">
          <For each={props.items}>
            {(item) => (
              <DropdownMenu.Item
                class="menu__item"
                classList={{ "menu__item--danger": item.danger ?? false }}
                disabled={item.disabled ?? false}
                data-testid={item.testid}
                onSelect={() => item.onSelect()}
              >
                <Show when={item.icon}>{(name) => <Icon name={name()} />}</Show>
                {item.label}
              </DropdownMenu.Item>
            )}
          </For>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu>
  );
}
