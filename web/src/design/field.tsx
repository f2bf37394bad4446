import { createUniqueId, For, type JSX, Show } from "solid-js";

interface FieldProps {
  label: string;
  hint?: string;
  error?: string;
  wide?: boolean;
  /** The control; `id` is for it, and `describedBy` names what is written below it. */
  children: (ids: { id: string; describedBy: string | undefined }) => JSX.Element;
}

export function Field(props: FieldProps): JSX.Element {
  const id = createUniqueId();
  const describedBy = () => (props.hint || props.error ? `${id}-about` : undefined);
  return (
    <div class="field" classList={{ "field--wide": props.wide ?? false }}>
      <label for={id}>{props.label}</label>
      {props.children({
        id,
        get describedBy() {
          return describedBy();
        },
      })}
      <Show when={describedBy()}>
        {(about) => (
          <p id={about()} class="field__hint" classList={{ "field__hint--bad": Boolean(props.error) }}>
            {props.error ?? props.hint}
          </p>
        )}
      </Show>
    </div>
  );
}

interface TextFieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: string;
  error?: string;
  wide?: boolean;
  type?: "text" | "search" | "date";
  placeholder?: string;
  "data-testid"?: string;
}

export function TextField(props: TextFieldProps): JSX.Element {
  return (
    <Field {...props}>
      {(ids) => (
        <input
          id={ids.id}
          class="select"
          type={props.type ?? "text"}
          autocomplete="off"
          placeholder={props.placeholder}
          aria-describedby={ids.describedBy}
          aria-invalid={props.error ? "true" : undefined}
          data-testid={props["data-testid"]}
          value={props.value}
          onInput={(event) => props.onInput(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

export interface Option<T extends string> {
  value: T;
  label: string;
  /** Where the label is in another language than the page. */
  lang?: string;
}

interface SelectProps<T extends string> {
  label: string;
  value: T;
  options: readonly Option<T>[];
  onChange: (value: T) => void;
  hint?: string;
  wide?: boolean;
  "data-testid"?: string;
}

/** The browser's own: on a phone it is the one that people know, and it works with every screen reader. */
export function Select<T extends string>(props: SelectProps<T>): JSX.Element {
  return (
    <Field label={props.label} {...(props.hint ? { hint: props.hint } : {})} wide={props.wide ?? false}>
      {(ids) => (
        <select
          id={ids.id}
          class="select"
          aria-describedby={ids.describedBy}
          data-testid={props["data-testid"]}
          onChange={(event) => props.onChange(event.currentTarget.value as T)}
        >
          <For each={props.options}>
            {({ value, label, lang }) => (
              <option value={value} lang={lang} selected={value === props.value}>
                {label}
              </option>
            )}
          </For>
        </select>
      )}
    </Field>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  options: readonly Option<T>[];
  onChange: (value: T) => void;
  hint?: string;
  "data-testid"?: string;
}

/** One of a few, all in sight. */
export function Choice<T extends string>(props: ChoiceProps<T>): JSX.Element {
  const name = createUniqueId();
  return (
    <fieldset class="choice" data-testid={props["data-testid"]}>
      <legend class="choice__label">{props.label}</legend>
      <div class="choice__options">
        <For each={props.options}>
          {({ value, label, lang }) => (
            <label class="choice__option">
              <input
                class="choice__input"
                type="radio"
                name={name}
                value={value}
                checked={value === props.value}
                onChange={() => props.onChange(value)}
              />
              <span class="choice__text" lang={lang}>
                {label}
              </span>
            </label>
          )}
        </For>
      </div>
      <Show when={props.hint}>
        <p class="field__hint">{props.hint}</p>
      </Show>
    </fieldset>
  );
}
