import { A, useLocation } from "@solidjs/router";
import { createEffect, ErrorBoundary, type JSX, type ParentProps, Show, Suspense } from "solid-js";
import { Icon } from "../design/icon";
import { ErrorState, Skeleton } from "../design/states";
import { Toasts } from "../design/toasts";
import { locale, t } from "../i18n/locale";
import { nameInstalledApp } from "../io/app-version";
import { manifestName } from "../lib/manifest";
import { PATHS } from "../lib/pages";
import { localProblem } from "../lib/problem";
import { clock } from "../lib/time";
import { useApp } from "../state/context";
import { Navigation } from "./navigation";

/** What stands around every page. */
export function Shell(props: ParentProps): JSX.Element {
  createEffect(() => {
    document.documentElement.lang = locale();
    nameInstalledApp(manifestName(locale()));
  });
  return (
    <div class="shell">
      <SkipLink />
      <Navigation />
      <main id="main" class="main" tabindex="-1">
        <RecordingGoesOn />
        <ErrorBoundary fallback={(_error, reset) => <PageFailed onRetry={reset} />}>
          <Suspense fallback={<Skeleton lines={6} />}>{props.children}</Suspense>
        </ErrorBoundary>
      </main>
      <Toasts />
    </div>
  );
}

/** The files of a page could not be had, or it has a fault. A recording that goes on still goes on, and so do the other pages. */
function PageFailed(props: { onRetry: () => void }): JSX.Element {
  const location = useLocation();
  const failedAt = location.pathname;
  createEffect(() => {
    if (location.pathname !== failedAt) props.onRetry();
  });
  return <ErrorState problem={localProblem("page_failed")} onRetry={() => window.location.reload()} />;
}

/** A button: a link would change the address, which names the page. */
function SkipLink(): JSX.Element {
  return (
    <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
      {t().nav.skip}
    </button>
  );
}

/** A recording is never out of sight: it goes on while one looks at other pages. */
function RecordingGoesOn(): JSX.Element {
  const { recorder } = useApp();
  const location = useLocation();
  return (
    <Show when={recorder.capturing() && location.pathname !== PATHS.record}>
      <A class="goes-on" href={PATHS.record} data-testid="recording-goes-on">
        <Icon name="mic" />
        {t().nav.recordingGoesOn(clock(recorder.elapsedMs() / 1000))}
      </A>
    </Show>
  );
}
