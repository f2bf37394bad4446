import { type JSX, lazy, onMount, Show, Suspense } from "solid-js";
import { locale, t } from "../../i18n/locale";
import { languageNamer } from "../../lib/languages";
import { useApp } from "../../state/context";
import type { Entry } from "../../state/entries";
import { Blank } from "./blank";
import "./transcript.css";

/** Not needed before something is recorded; then it is there already. */
const EntryView = lazy(() => import("./entry-view"));

export function TranscriptPanel(): JSX.Element {
  const { session } = useApp();
  onMount(() => void EntryView.preload().catch(() => undefined));
  return (
    <section id="transcript" class="card transcript" aria-labelledby="transcript-title" tabindex="-1">
      <h2 id="transcript-title" class="card__title">
        {t().transcript.title}
        <Show when={session.entries.selected()}>{(entry) => <DetectedLanguage entry={entry()} />}</Show>
      </h2>
      <Show
        when={session.entries.selected()?.id}
        keyed
        fallback={<Blank icon="text" title={t().transcript.empty} detail={t().transcript.emptyDetail} />}
      >
        {(_id) => (
          <Show when={session.entries.selected()}>
            {(entry) => (
              <Suspense>
                <EntryView entry={entry()} />
              </Suspense>
            )}
          </Show>
        )}
      </Show>
    </section>
  );
}

function DetectedLanguage(props: { entry: Entry }): JSX.Element {
  return (
    <Show when={props.entry.job.segments.length > 0 && props.entry.job.language}>
      {(language) => (
        <span class="card__aside">
          {t().transcript.language(languageNamer(locale())(language().code, language().name))}
        </span>
      )}
    </Show>
  );
}
