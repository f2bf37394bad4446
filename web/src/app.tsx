import { createEffect, createSignal, type JSX, on } from "solid-js";
import { Announcer } from "./components/announcer";
import { DropTarget, FilePicker } from "./components/file-picker";
import { Header } from "./components/header";
import { History } from "./components/history";
import { Icon } from "./components/icon";
import { OptionsPanel } from "./components/options-panel";
import { RecordPanel } from "./components/record-panel";
import { StatusBanner } from "./components/status-banner";
import { TranscriptPanel } from "./components/transcript-panel";
import { locale, t } from "./i18n/locale";
import { isFinal } from "./lib/job";
import { AppContext, type App as Shared } from "./state/context";
import { warnBeforeLeaving } from "./state/leaving";
import { createPlayer } from "./state/player";
import { createRecorder } from "./state/recorder";
import { createService } from "./state/service";
import { createSession } from "./state/session";
import { createShortcuts } from "./state/shortcuts";

const ONE_COLUMN = window.matchMedia("(max-width: 899px)");

export function App(): JSX.Element {
  const shared = createShared();
  const { session, recorder, player } = shared;
  const startRecording = (): void => {
    player.pause();
    recorder.start();
  };
  const addFiles = (files: File[]): void => files.forEach(session.addFile);

  createShortcuts({
    toggleRecording: () => (recorder.capturing() ? recorder.stop() : startRecording()),
    togglePlaying: player.toggle,
    cancel: () => cancel(shared),
  });
  warnBeforeLeaving(() => recorder.state().kind !== "idle" || session.entries.atRisk());
  followLanguage();
  followSelection(shared);
  return (
    <AppContext.Provider value={shared}>
      <a class="skip" href="#transcript">
        {t().app.skip}
      </a>
      <Header />
      <main class="page">
        <StatusBanner />
        <section class="card capture" aria-label={t().record.title}>
          <RecordPanel onStart={startRecording} />
          <FilePicker onFiles={addFiles} />
          <OptionsPanel />
          <p class="privacy">
            <Icon name="lock" />
            {t().app.privacy}
          </p>
        </section>
        <TranscriptPanel />
        <History />
      </main>
      <footer class="footer">{t().app.shortcuts}</footer>
      <DropTarget onFiles={addFiles} />
      <Announcer />
    </AppContext.Provider>
  );
}

function createShared(): Shared {
  const service = createService();
  const session = createSession(service);
  const [askingDiscard, setAskingDiscard] = createSignal(false);
  const recorder = createRecorder((audio, durationS) => {
    setAskingDiscard(false);
    session.addRecording(audio, durationS);
  });
  return { service, session, recorder, player: createPlayer(), askingDiscard, setAskingDiscard };
}

/** Escape steps back from whatever is going on; a recording is only thrown away when the user says so. */
function cancel({ recorder, session, askingDiscard, setAskingDiscard }: Shared): void {
  const selected = session.entries.selected();
  if (recorder.state().kind === "requesting") recorder.discard();
  else if (recorder.capturing()) setAskingDiscard(!askingDiscard());
  else if (selected && !isFinal(selected.job)) session.cancel(selected.id);
}

function followLanguage(): void {
  createEffect(() => {
    document.documentElement.lang = locale();
    document.title = `Care Voice – ${t().app.tagline}`;
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
