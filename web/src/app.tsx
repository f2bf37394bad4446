import { createEffect, createSignal, type JSX, on, Show } from "solid-js";
import { Announcer } from "./components/announcer";
import { DropTarget, FilePicker } from "./components/file-picker";
import { Header } from "./components/header";
import { History } from "./components/history";
import { Icon } from "./components/icon";
import { ModelsPage } from "./components/models-page";
import { OptionsPanel } from "./components/options-panel";
import { RecordPanel } from "./components/record-panel";
import { StatusBanner } from "./components/status-banner";
import { TranscriptPanel } from "./components/transcript-panel";
import { locale, t } from "./i18n/locale";
import { isFinal } from "./lib/job";
import { ADDRESS, type Route } from "./lib/route";
import { decodesElsewhere } from "./lib/service";
import { AppContext, type App as Shared, useApp } from "./state/context";
import { warnBeforeLeaving } from "./state/leaving";
import { createModels } from "./state/models";
import { createPlayer } from "./state/player";
import { createRecorder } from "./state/recorder";
import { createRoute } from "./state/route";
import { createService } from "./state/service";
import { createSession } from "./state/session";
import { createShortcuts } from "./state/shortcuts";

const ONE_COLUMN = window.matchMedia("(max-width: 899px)");

export function App(): JSX.Element {
  const shared = createShared();
  const { session, recorder, player, route } = shared;
  const startRecording = (): void => {
    player.pause();
    recorder.start();
  };
  const addFiles = (files: File[]): void => {
    if (route() !== "home") location.hash = ADDRESS.home;
    files.forEach(session.addFile);
  };

  createShortcuts(() => route() === "home", {
    toggleRecording: () => (recorder.capturing() ? recorder.stop() : startRecording()),
    togglePlaying: player.toggle,
    cancel: () => cancel(shared),
  });
  warnBeforeLeaving(() => recorder.state().kind !== "idle" || session.entries.atRisk());
  followLanguage(route);
  followSelection(shared);
  return (
    <AppContext.Provider value={shared}>
      <SkipLink />
      <Header />
      <Home onStart={startRecording} onFiles={addFiles} />
      <Show when={route() === "models"}>
        <ModelsPage />
      </Show>
      <DropTarget onFiles={addFiles} />
      <Announcer />
    </AppContext.Provider>
  );
}

/** Only hidden while another page is shown: the recording, the player and the place in the transcript stay as they are. */
function Home(props: { onStart: () => void; onFiles: (files: File[]) => void }): JSX.Element {
  const { route } = useApp();
  return (
    <div hidden={route() !== "home"}>
      <main class="page">
        <StatusBanner />
        <section class="card capture" aria-label={t().record.title}>
          <RecordPanel onStart={props.onStart} />
          <FilePicker onFiles={props.onFiles} />
          <OptionsPanel />
          <Privacy />
        </section>
        <TranscriptPanel />
        <History />
      </main>
      <footer class="footer">{t().app.shortcuts}</footer>
    </div>
  );
}

/** Says where the sound goes: it may not stay on this server. */
function Privacy(): JSX.Element {
  const { service } = useApp();
  return (
    <p class="privacy" data-testid="privacy">
      <Icon name="lock" />
      {decodesElsewhere(service()) ? t().app.privacyRemote : t().app.privacy}
    </p>
  );
}

function SkipLink(): JSX.Element {
  const { route } = useApp();
  const target = () => (route() === "models" ? "models" : "transcript");
  // The address stays as it is: it names the page.
  const skip = (event: Event): void => {
    event.preventDefault();
    document.getElementById(target())?.focus();
  };
  return (
    <a class="skip" href={`#${target()}`} onClick={skip}>
      {route() === "models" ? t().models.skip : t().app.skip}
    </a>
  );
}

function createShared(): Shared {
  const route = createRoute();
  const service = createService();
  const session = createSession(service);
  const [askingDiscard, setAskingDiscard] = createSignal(false);
  const recorder = createRecorder((audio, durationS) => {
    setAskingDiscard(false);
    session.addRecording(audio, durationS);
  });
  const models = createModels(() => route() === "models");
  return { route, service, session, recorder, player: createPlayer(), models, askingDiscard, setAskingDiscard };
}

/** Escape steps back from whatever is going on; a recording is only thrown away when the user says so. */
function cancel({ recorder, session, askingDiscard, setAskingDiscard }: Shared): void {
  const selected = session.entries.selected();
  if (recorder.state().kind === "requesting") recorder.discard();
  else if (recorder.capturing()) setAskingDiscard(!askingDiscard());
  else if (selected && !isFinal(selected.job)) session.cancel(selected.id);
}

function followLanguage(route: () => Route): void {
  createEffect(() => {
    document.documentElement.lang = locale();
    document.title = `Care Voice – ${route() === "models" ? t().models.title : t().app.tagline}`;
  });
}

/** On a phone the transcript is below the fold: what was just recorded or chosen is brought into view. */
function followSelection({ session }: Shared): void {
  createEffect(
    on(
      () => session.entries.selected()?.id,
      (id) => {
        if (id && ONE_COLUMN.matches) document.getElementById("transcript")?.scrollIntoView();
      },
      { defer: true },
    ),
  );
}
