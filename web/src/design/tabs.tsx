import { createUniqueId, For, type JSX, Show } from "solid-js";
import "./tabs.css";

export interface Tab {
  value: string;
  label: string;
  content: () => JSX.Element;
}

interface TabsProps {
  label: string;
  tabs: readonly Tab[];
  value: string;
  onChange: (value: string) => void;
}

const STEPS: Record<string, (index: number, length: number) => number> = {
  ArrowRight: (index, length) => (index + 1) % length,
  ArrowLeft: (index, length) => (index - 1 + length) % length,
  Home: () => 0,
  End: (_, length) => length - 1,
};

/** One of several views in the same place: https://www.w3.org/WAI/ARIA/apg/patterns/tabs/ */
export function Tabs(props: TabsProps): JSX.Element {
  const id = createUniqueId();
  const current = () => props.tabs.find(({ value }) => value === props.value);
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLElement }): void => {
    const index = props.tabs.findIndex(({ value }) => value === props.value);
    const next = STEPS[event.key]?.(index, props.tabs.length);
    const tab = next === undefined ? undefined : props.tabs[next];
    if (next === undefined || !tab) return;
    event.preventDefault();
    props.onChange(tab.value);
    event.currentTarget.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  };
  return (
    <div>
      <div class="tabs" role="tablist" tabindex="-1" aria-label={props.label} onKeyDown={onKeyDown}>
        <For each={props.tabs}>
          {({ value, label }) => (
            <button
              type="button"
              id={`${id}-${value}`}
              class="tabs__tab"
              role="tab"
              aria-selected={value === props.value}
              aria-controls={`${id}-panel`}
              tabindex={value === props.value ? 0 : -1}
              onClick={() => props.onChange(value)}
            >
              {label}
            </button>
          )}
        </For>
      </div>
      <Show when={current()} keyed>
        {(tab) => (
          <div id={`${id}-panel`} class="tabs__content" role="tabpanel" aria-labelledby={`${id}-${tab.value}`}>
            {tab.content()}
          </div>
        )}
      </Show>
    </div>
  );
}
