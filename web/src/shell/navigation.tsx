import { A, useLocation } from "@solidjs/router";
import { For, type JSX } from "solid-js";
import { Icon, type IconName, Logo } from "../design/icon";
import type { Texts } from "../i18n/en";
import { t } from "../i18n/locale";
import { PATHS } from "../lib/pages";
import { LanguageSwitch } from "./language-switch";

interface Place {
  path: string;
  icon: IconName;
  name: keyof Texts["nav"]["places"];
  /** Beginnings of the addresses of pages below it, for which it is current too. */
  below?: string[];
}

/** What one comes for every day. */
const WORK: Place[] = [
  { path: PATHS.record, icon: "mic", name: "record" },
  { path: PATHS.library, icon: "library", name: "library", below: [PATHS.trash, "/recordings/"] },
];
/** For whoever runs the service: releases, the dashboard and the users will stand here too. */
const SERVICE: Place[] = [{ path: PATHS.models, icon: "models", name: "models" }];
const PERSONAL: Place[] = [
  { path: PATHS.settings, icon: "settings", name: "settings" },
  { path: PATHS.help, icon: "help", name: "help" },
];

/** A rail at the side; on phones a bar at the top, and the places at the bottom, within reach of the thumb. */
export function Navigation(): JSX.Element {
  return (
    <header class="rail">
      <div class="rail__top">
        <A class="brand" href={PATHS.record} aria-label={t().nav.home}>
          <Logo />
          <span class="brand__name">{t().app.name}</span>
        </A>
        <LanguageSwitch />
      </div>
      <nav class="places" aria-label={t().nav.label}>
        <Places places={WORK} />
        <Places places={SERVICE} />
        <Places places={PERSONAL} />
      </nav>
    </header>
  );
}

function Places(props: { places: Place[] }): JSX.Element {
  return (
    <ul class="places__group">
      <For each={props.places}>{(place) => <PlaceLink {...place} />}</For>
    </ul>
  );
}

function PlaceLink(props: Place): JSX.Element {
  const location = useLocation();
  const current = () =>
    location.pathname === props.path || (props.below ?? []).some((start) => location.pathname.startsWith(start));
  return (
    <li class="places__item">
      <A
        class="places__link"
        href={props.path}
        aria-current={current() ? "page" : undefined}
        data-current={current() ? "" : undefined}
        data-testid={`nav-${props.name}`}
      >
        <span class="places__icon">
          <Icon name={props.icon} />
        </span>
        <span class="places__name">{t().nav.places[props.name]}</span>
      </A>
    </li>
  );
}
