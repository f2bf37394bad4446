import { useLocation } from "@solidjs/router";
import { createEffect, type JSX, on, type ParentProps, Show } from "solid-js";
import { arrive } from "../state/arrival";
import { ButtonLink } from "./button";

interface PageProps {
  /** The heading, and the name of the tab. */
  title: string;
  intro?: string;
  /** The page above this one. */
  back?: { href: string; label: string };
  /** Beside the heading. */
  actions?: JSX.Element;
  /** Said to screen readers only: where the page speaks for itself. */
  quietTitle?: boolean;
  /** The widest page there is, for two columns; else as wide as can be read. */
  wide?: boolean;
  /** With little between its parts on a phone: for what is read rather than looked at. */
  dense?: boolean;
  testid?: string;
}

/** The frame of every page: names the tab, and takes the focus to its heading when one comes from another page. */
export function Page(props: ParentProps<PageProps>): JSX.Element {
  const location = useLocation();
  let heading: HTMLHeadingElement | undefined;
  createEffect(() => {
    document.title = `${props.title} – Care Voice`;
  });
  createEffect(
    on(
      () => location.pathname,
      () => arrive(heading),
    ),
  );
  return (
    <div
      class="page"
      classList={{ "page--wide": props.wide ?? false, "page--dense": props.dense ?? false }}
      data-testid={props.testid}
    >
      <div class="page__head" classList={{ "visually-hidden": props.quietTitle ?? false }}>
        <Show when={props.back}>
          {(back) => (
            <p class="page__back">
              <ButtonLink href={back().href} tone="quiet" icon="back">
                <span class="page__above">{back().label}</span>
              </ButtonLink>
            </p>
          )}
        </Show>
        <div class="page__name">
          <h1 class="page__title" ref={heading} tabindex="-1">
            {props.title}
          </h1>
          <Show when={props.intro}>
            <p class="hint">{props.intro}</p>
          </Show>
        </div>
        <Show when={props.actions}>
          <div class="row page__actions">{props.actions}</div>
        </Show>
      </div>
      {props.children}
    </div>
  );
}

/** A part of a page, with a heading of its own. */
export function Card(props: ParentProps<{ title?: string; testid?: string }>): JSX.Element {
  return (
    <section class="card" data-testid={props.testid}>
      <Show when={props.title}>
        <h2 class="card__title">{props.title}</h2>
      </Show>
      {props.children}
    </section>
  );
}

/** Controls that belong together; named for screen readers. */
export function Toolbar(props: ParentProps<{ label: string }>): JSX.Element {
  return (
    <div class="tools" role="toolbar" aria-label={props.label}>
      {props.children}
    </div>
  );
}
