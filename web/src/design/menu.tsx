import { createSignal, createUniqueId, For, type JSX, onCleanup, Show } from "solid-js";
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
  /** The side of the button that the list keeps to: "end" at the right edge of the page. */
  align?: "start" | "end";
  testid?: string;
}

/** Which item a key leads to from the `current` one; null for a key that means nothing here. */
function target(key: string, current: number, length: number): number | null {
  if (key === "ArrowDown") return (current + 1) % length;
  if (key === "ArrowUp") return (current - 1 + length) % length;
  if (key === "Home") return 0;
  return key === "End" ? length - 1 : null;
}

/** A button with a list of things to do: https://www.w3.org/WAI/ARIA/apg/patterns/menu-button/ */
export function Menu(props: MenuProps): JSX.Element {
  const id = createUniqueId();
  const [open, setOpen] = createSignal(false);
  let area: HTMLDivElement | undefined;
  let trigger: HTMLButtonElement | undefined;
  const items = (): HTMLElement[] => [...(area?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];

  const onOutside = (event: Event): void => {
    if (!area?.contains(event.target as Node)) show(false);
  };
  const show = (shown: boolean, focused = 0): void => {
    setOpen(shown);
    if (shown) items().at(focused)?.focus();
    const change = shown ? document.addEventListener : document.removeEventListener;
    change.call(document, "pointerdown", onOutside);
  };
  const close = (): void => {
    show(false);
    trigger?.focus();
  };
  const move = (key: string): boolean => {
    const next = target(key, items().indexOf(document.activeElement as HTMLElement), items().length);
    if (next !== null) items()[next]?.focus();
    return next !== null;
  };
  /** Whether the key meant something to the list while it is shown. */
  const onListKey = (key: string): boolean => {
    if (key === "Tab") show(false);
    if (key === "Escape") close();
    return key === "Escape" || move(key);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const opens = event.key === "ArrowDown" || event.key === "ArrowUp";
    if (open() ? !onListKey(event.key) : !opens) return;
    event.preventDefault();
    if (!open() && opens) show(true, event.key === "ArrowUp" ? -1 : 0);
  };
  onCleanup(() => document.removeEventListener("pointerdown", onOutside));
  return (
    <div class="menu" ref={area} onKeyDown={onKeyDown} role="none">
      <button
        type="button"
        ref={trigger}
        class="button"
        classList={{ "button--icon": props.iconOnly ?? false, "button--quiet": props.iconOnly ?? false }}
        aria-label={props.iconOnly ? props.label : undefined}
        title={props.iconOnly ? props.label : undefined}
        aria-haspopup="menu"
        aria-expanded={open()}
        aria-controls={open() ? id : undefined}
        data-testid={props.testid}
        onClick={() => show(!open())}
      >
        <Show when={props.icon}>{(name) => <Icon name={name()} />}</Show>
        <Show when={!props.iconOnly}>
          {props.label}
          <Icon name="down" />
        </Show>
      </button>
      <Show when={open()}>
        <div id={id} class="menu__list" data-align={props.align ?? "start"} role="menu" aria-label={props.label}>
          <For each={props.items}>{(item) => <Item item={item} onChosen={close} />}</For>
        </div>
      </Show>
    </div>
  );
}

function Item(props: { item: MenuItem; onChosen: () => void }): JSX.Element {
  const choose = (): void => {
    if (props.item.disabled) return;
    props.onChosen();
    props.item.onSelect();
  };
  return (
    <button
      type="button"
      class="menu__item"
      classList={{ "menu__item--danger": props.item.danger ?? false }}
      role="menuitem"
      tabindex="-1"
      aria-disabled={props.item.disabled ? "true" : undefined}
      data-testid={props.item.testid}
      onClick={choose}
    >
      <Show when={props.item.icon}>{(name) => <Icon name={name()} />}</Show>
      {props.item.label}
    </button>
  );
}
