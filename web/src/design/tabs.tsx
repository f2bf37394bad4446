import { Tabs as Kobalte } from "@kobalte/core/tabs";
import { For, type JSX } from "solid-js";
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

export function Tabs(props: TabsProps): JSX.Element {
  return (
    <Kobalte value={props.value} onChange={props.onChange}>
      <Kobalte.List class="tabs" aria-label={props.label}>
        <For each={props.tabs}>
          {({ value, label }) => (
            <Kobalte.Trigger class="tabs__tab" value={value}>
              {label}
            </Kobalte.Trigger>
          )}
        </For>
      </Kobalte.List>
      <For each={props.tabs}>
        {({ value, content }) => (
          <Kobalte.Content class="tabs__content" value={value}>
            {content()}
          </Kobalte.Content>
        )}
      </For>
    </Kobalte>
  );
}
