import { createEffect, type JSX, on, onCleanup } from "solid-js";
import { Icon } from "../../design/icon";
import { Page } from "../../design/page";
import { t } from "../../i18n/locale";
import { isFinal } from "../../lib/job";
import { decodesElsewhere } from "../../lib/service";
import { type App, useApp } from "../../state/context";
import { createShortcuts } from "../../state/shortcuts";
import { Announcer } from "./announcer";
import { FilePicker } from "./file-picker";
import { History } from "./history";
import { OptionsPanel } from "./options-panel";
import { RecordPanel } from "./record-panel";
import { Recovered, SendingList } from "./sending";
import { StatusBanner } from "./status-banner";
import { TranscriptPanel } from "./transcript-panel";
import "./capture.css";
import "./record.css";

const ONE_COLUMN = window.matchMedia("(max-width: 1099px)");

export default function RecordPage(): JSX.Element {
  const app = useApp();
  const { session, recorder, player } = app;
  const startRecording = (): void => {
    player.pause();
    recorder.start();
  };
  createShortcuts({
    toggleRecording: () => (recorder.capturing() ? recorder.stop() : startRecording()),
    togglePlaying: player.toggle,
    cancel: () => cancel(app),
  });
  followSelection(app);
  onCleanup(() => app.setAskingDiscard(false));
  return (
    <Page title={t().record.title} quietTitle wide>
      <div class="record-page">
        <div class="record-page__top">
          <StatusBanner />
          <Recovered />
        </div>
        <section class="card capture" aria-label={t().record.title}>
          <RecordPanel onStart={startRecording} />
          <FilePicker onFiles={(files) => addFiles(session, files)} />
          <OptionsPanel />
          <Privacy />
        </section>
        <TranscriptPanel />
        <div class="record-page__below">
          <SendingList />
          <History />
        </div>
      </div>
      <p class="shortcuts">{t().app.shortcuts}</p>
      <Announcer />
    </Page>
  );
}

function addFiles(session: App["session"], files: File[]): void {
  for (const file of files) void session.addFile(file);
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

/** Escape steps back from whatever is going on; a recording is only thrown away when the user says so. */
function cancel({ recorder, session, askingDiscard, setAskingDiscard }: App): void {
  const selected = session.entries.selected();
  if (recorder.state().kind === "requesting") recorder.discard();
  else if (recorder.capturing()) setAskingDiscard(!askingDiscard());
  else if (selected?.sending.phase === "complete" && !isFinal(selected.job)) session.cancel(selected);
}

/** On a phone the transcript is below the fold: what was just recorded or chosen is brought into view. */
function followSelection({ session }: App): void {
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
