import { For, type JSX, Show } from "solid-js";
import { Button } from "../../design/button";
import { type Option, Select, TextField } from "../../design/field";
import { Icon } from "../../design/icon";
import { day, locale, t } from "../../i18n/locale";
import { languageChoices, languageNamer } from "../../lib/languages";
import { ORDERS, type Order, orderOf, STATES, type Wanted } from "../../lib/library-address";
import { useApp } from "../../state/context";

interface FiltersProps {
  wanted: Wanted;
  /** Every tag there is, the commonest first. */
  tags: readonly string[];
  onChange: (change: Partial<Wanted>) => void;
}

/** What narrows the list down. */
export function FilterPanel(props: FiltersProps & { id: string }): JSX.Element {
  const states = (): Option<Wanted["state"]>[] => [
    { value: "", label: t().library.any },
    ...STATES.map((value) => ({ value, label: t().library.filterStates[value] })),
  ];
  const tags = () => props.tags.filter((tag) => !props.wanted.tags.includes(tag));
  return (
    <div id={props.id} class="filters" data-testid="filters">
      <Select
        label={t().library.filterState}
        value={props.wanted.state}
        options={states()}
        onChange={(state) => props.onChange({ state })}
        data-testid="filter-state"
      />
      <LanguageFilter {...props} />
      <Select
        label={t().library.filterTag}
        value=""
        options={[{ value: "", label: t().library.any }, ...tags().map((tag) => ({ value: tag, label: tag }))]}
        onChange={(tag) => tag && props.onChange({ tags: [...props.wanted.tags, tag] })}
        data-testid="filter-tag"
      />
      <TextField
        label={t().library.filterFrom}
        type="date"
        value={props.wanted.from}
        onInput={(from) => props.onChange({ from })}
        data-testid="filter-from"
      />
      <TextField
        label={t().library.filterTo}
        type="date"
        value={props.wanted.to}
        onInput={(to) => props.onChange({ to })}
        data-testid="filter-to"
      />
    </div>
  );
}

function LanguageFilter(props: FiltersProps): JSX.Element {
  const { service } = useApp();
  const options = (): Option<string>[] => {
    const known = service();
    const { common, others } = languageChoices(known.kind === "known" ? known.status.languages : [], locale());
    const all = [...common, ...others].map(({ code, label }) => ({ value: code, label }));
    const { language } = props.wanted;
    const missing = language && !all.some(({ value }) => value === language);
    return [
      { value: "", label: t().library.any },
      ...(missing ? [{ value: language, label: languageName(language) }] : []),
      ...all,
    ];
  };
  return (
    <Select
      label={t().library.language}
      value={props.wanted.language}
      options={options()}
      onChange={(language) => props.onChange({ language })}
      data-testid="filter-language"
    />
  );
}

interface Chip {
  name: string;
  without: Partial<Wanted>;
}

/** The filters that count now, each with a button that takes it away. */
export function FilterChips(props: Omit<FiltersProps, "tags"> & { onClear: () => void }): JSX.Element {
  const chips = (): Chip[] => chipsOf(props.wanted);
  return (
    <Show when={chips().length > 0}>
      <ul class="chips" aria-label={t().library.filtersChosen}>
        <For each={chips()}>
          {(chip) => (
            <li>
              <button
                type="button"
                class="chip"
                aria-label={t().library.removeFilter(chip.name)}
                data-testid="chip"
                onClick={() => props.onChange(chip.without)}
              >
                {chip.name}
                <Icon name="close" />
              </button>
            </li>
          )}
        </For>
        <li>
          <Button tone="quiet" onClick={() => props.onClear()}>
            {t().library.clearFilters}
          </Button>
        </li>
      </ul>
    </Show>
  );
}

export function chipsOf({ state, language, tags, from, to }: Wanted): Chip[] {
  const chips: (Chip | "")[] = [
    state && { name: t().library.filterStates[state], without: { state: "" } },
    language && { name: languageName(language), without: { language: "" } },
    ...tags.map((tag) => ({ name: tag, without: { tags: tags.filter((other) => other !== tag) } })),
    from && { name: t().library.since(dayName(from)), without: { from: "" } },
    to && { name: t().library.until(dayName(to)), without: { to: "" } },
  ];
  return chips.filter((chip) => chip !== "");
}

export function OrderSelect(props: Omit<FiltersProps, "tags">): JSX.Element {
  const orders = () => ORDERS.filter((order) => order !== "relevance" || props.wanted.q.trim());
  const chosen = () => orderOf(props.wanted);
  return (
    <select
      class="select order"
      aria-label={t().library.order}
      data-testid="order"
      onChange={(event) => props.onChange({ order: event.currentTarget.value as Order })}
    >
      <For each={orders()}>
        {(order) => (
          <option value={order} selected={order === chosen()}>
            {t().library.orders[order]}
          </option>
        )}
      </For>
    </select>
  );
}

export function languageName(code: string): string {
  return languageNamer(locale())(code, code);
}

/** A day has no time zone: its noon is on that day everywhere. */
function dayName(date: string): string {
  return day(`${date}T12:00:00`);
}
