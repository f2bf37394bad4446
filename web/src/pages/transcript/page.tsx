import { useParams } from "@solidjs/router";
import { createEffect, createSignal, type JSX, lazy, Match, on, onCleanup, Show, Suspense, Switch } from "solid-js";
import { getRecording } from "../../api/recordings";
import { changeJob, type Recording, restoreRecording, transcribeAgain } from "../../api/transcripts";
import { Button } from "../../design/button";
import { Loaded } from "../../design/loaded";
import { Notice } from "../../design/notice";
import { Page } from "../../design/page";
import { EmptyState, ErrorState, Skeleton } from "../../design/states";
import { t } from "../../i18n/locale";
import { PATHS } from "../../lib/pages";
import { isUnsaved } from "../../lib/transcript/editing";
import { isActive, type JobView } from "../../lib/transcript/jobs";
import { followRecording } from "../../state/following";
import { warnBeforeLeaving } from "../../state/leaving";
import { createListening } from "../../state/listening";
import { createLoad, type Load } from "../../state/load";
import { recordingName } from "../../state/recording-name";
import { createDocument, type Document } from "../../state/transcript";
import { About, EditTitle, TitleForm } from "./about";
import { keepDraft } from "./kept-draft";
import { createKeys } from "./keys";
import { Lines } from "./lines";
import { Player } from "./player";
import { createReading, ReadingContext } from "./reading";
import { RecordingMenu } from "./recording-menu";
import { tellRefusal } from "./refusals";
import { Tools } from "./toolbar";
import { Work } from "./work";
import "./transcript.css";

const Versions = lazy(async () => ({ default: (await import("./versions")).Versions }));

export default function TranscriptPage(): JSX.Element {
  const params = useParams<{ id: string }>();
  return (
    <Show when={params.id} keyed>
      {(id) => <RecordingPage id={id} />}
    </Show>
  );
}

function RecordingPage(props: { id: string }): JSX.Element {
  const load = createLoad(() => props.id, getRecording);
  // Both are asked for at once: over a slow network each question costs its way there and back.
  const transcript = createDocument(props.id);
  void transcript.show("current");
  const [renaming, setRenaming] = createSignal(false);
  const title = () => {
    const known = load.value();
    return known ? recordingName(known) : t().recording.title;
  };
  return (
    <Page
      title={title()}
      quietTitle={renaming()}
      dense
      testid="transcript-page"
      back={{ href: PATHS.library, label: t().library.back }}
      actions={
        <Show when={load.value()}>
          {(known) => (
            <>
              <EditTitle onClick={() => setRenaming(true)} />
              <RecordingMenu recording={known()} onChange={load.set} />
            </>
          )}
        </Show>
      }
    >
      <Loaded load={load} skeletonLines={6}>
        {(known) => (
          <>
            <Show when={renaming()}>
              <TitleForm
                recording={known()}
                head={null}
                onChange={(changed) => load.set(() => changed)}
                onClose={() => setRenaming(false)}
              />
            </Show>
            <Read id={props.id} recording={known()} load={load} transcript={transcript} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

interface ReadProps {
  id: string;
  recording: Recording;
  load: Load<Recording>;
  transcript: Document;
}

function Read(props: ReadProps): JSX.Element {
  const page = createPageState(props);
  const { transcript, reading, following } = page;
  const state = () => transcript.problem()?.code;
  // Head and lines in two steps: on a phone, one task for both would keep it from answering a finger.
  const [begun, setBegun] = createSignal(false);
  setTimeout(() => setBegun(true));
  createKeys(reading);
  warnBeforeLeaving(() => isUnsaved(reading.editor.state()));
  keepDraft(reading, page.show);
  stopFollowingByHand(reading.setFollow, reading.listening.playing);
  return (
    <ReadingContext.Provider value={reading}>
      <News saved={reading.editor.saved()} job={following.jobs()[following.jobs().length - 1]} />
      <About
        recording={props.recording}
        head={transcript.head()}
        onChange={(changed) => props.load.set(() => changed)}
      />
      <Show when={!following.connected()}>
        <Notice tone="warning" icon="offline">
          {t().recording.disconnected}
        </Notice>
      </Show>
      <Show when={props.recording.trashed_at}>
        <Trashed {...props} />
      </Show>
      <Show when={page.work()}>
        {(job) => <Work job={job()} now={following.now()} onDismiss={() => page.dismiss(job().id)} />}
      </Show>
      <Show when={page.fresh()}>{(number) => <Fresh number={number()} onShow={page.show} />}</Show>
      <Switch fallback={<Skeleton lines={6} />}>
        <Match when={page.comparing() && transcript.head()}>
          {(head) => (
            <Suspense fallback={<Skeleton lines={6} />}>
              <Versions
                recording={props.id}
                shown={head().version}
                onClose={() => page.setComparing(false)}
                onShow={page.show}
              />
            </Suspense>
          )}
        </Match>
        <Match when={begun() && transcript.head()}>
          <Tools onCompare={() => page.setComparing(true)} />
          <Show when={transcript.slots().length > 0} fallback={<p class="hint">{nothingIn(transcript.head())}</p>}>
            <Lines />
          </Show>
          <p class="hint play-keys">{t().listen.keys}</p>
        </Match>
        <Match when={props.recording.state === "receiving"}>
          <EmptyState icon="mic" title={t().recording.receiving} detail={t().recording.receivingDetail} />
        </Match>
        <Match when={state() === "transcript_not_found"}>
          <NoTranscript id={props.id} job={page.work()} />
        </Match>
        <Match when={transcript.problem()}>
          {(problem) => <ErrorState problem={problem()} onRetry={() => void transcript.refresh()} />}
        </Match>
      </Switch>
      <Show when={props.recording.state === "complete" && !page.comparing()}>
        <Player recording={props.id} durationS={props.recording.duration_s ?? transcript.head()?.duration ?? 0} />
      </Show>
    </ReadingContext.Provider>
  );
}

/** Another version has come than the one that is shown. */
function Fresh(props: { number: number; onShow: (number: number) => void }): JSX.Element {
  return (
    <Notice tone="info" icon="text">
      <div class="fresh">
        {t().versions.fresh(String(props.number))}
        <Button onClick={() => props.onShow(props.number)} data-testid="show-fresh">
          {t().versions.show}
        </Button>
      </div>
    </Notice>
  );
}

/** For those who do not see it: that a line is saved, and that the transcript is ready. */
function News(props: { saved: number; job: JobView | undefined }): JSX.Element {
  const [news, setNews] = createSignal("");
  createEffect(
    on(
      () => props.saved,
      (count) => count > 0 && setNews(t().edit.saved),
      { defer: true },
    ),
  );
  createEffect(
    on(
      () => props.job?.state,
      (now, before) => {
        if (before === "running" && now === "done") setNews(t().work.done);
      },
    ),
  );
  return (
    <p class="visually-hidden" role="status">
      {news()}
    </p>
  );
}

/** A transcript without lines. */
function nothingIn(head: { revision: number } | null): string {
  return head && head.revision > 0 ? t().edit.noLines : t().transcript.noSpeech;
}

/** The transcript, the sound, and what is told of both while one looks at them. */
function createPageState(props: ReadProps) {
  const openedAt = props.recording.updated_at;
  const { transcript } = props;
  const listening = createListening(props.id);
  const [comparing, setComparing] = createSignal(false);
  const [dismissed, setDismissed] = createSignal<string | null>(null);
  /** A version that came while another one was read: nobody is torn away from what he reads or edits. */
  const [fresh, setFresh] = createSignal<number | null>(null);
  const [waveforms, setWaveforms] = createSignal(0);
  const reading = createReading(transcript, listening, waveforms);
  const following = followRecording(props.id, (kind, about) => {
    if (kind === "transcript.created") void arrived(Number(about.number), String(about.at));
    else if (kind === "transcript.edited") edited(Number(about.number), Number(about.revision));
    else if (kind === "asset.created") made(String(about.kind));
    else if (isNews(String(about.at))) {
      void props.load.reload();
      listening.retry();
    }
  });
  const show = (version: number): void => {
    setComparing(false);
    setFresh(null);
    void transcript.show(String(version));
  };
  /** What came before this page was opened is told too: all that matters in it is known. */
  const isNews = (at: string): boolean => at > openedAt || props.recording.state !== "complete";
  const made = (asset: string): void => {
    if (asset === "waveform") setWaveforms((count) => count + 1);
    listening.retry();
  };
  const arrived = async (number: number, at: string): Promise<void> => {
    const shown = transcript.head()?.version;
    if (shown === undefined && transcript.problem()) await transcript.show("current");
    else if (shown !== undefined && number > shown && isNews(at)) setFresh(number);
  };
  /** Somebody else's edit: this page's own have raised the revision already, or are about to. */
  const edited = (number: number, revision: number): void => {
    const head = transcript.head();
    if (head?.version === number && revision > head.revision && !transcript.busy()) void transcript.refresh();
  };
  const work = (): JobView | undefined => {
    const last = following.jobs()[following.jobs().length - 1];
    if (!last || last.state === "done" || last.id === dismissed()) return undefined;
    return last.state === "cancelled" && transcript.head() ? undefined : last;
  };
  createEffect(
    on(work, (now, before) => {
      if (before && !now && transcript.head() === null) void transcript.show("current");
    }),
  );
  return { transcript, reading, following, comparing, setComparing, show, fresh, work, dismiss: setDismissed };
}

/** Whoever scrolls wants to read elsewhere; the button in the player brings him back. */
function stopFollowingByHand(setFollow: (follow: boolean) => void, playing: () => boolean): void {
  const stop = (): void => {
    if (playing()) setFollow(false);
  };
  for (const kind of ["wheel", "touchmove"]) window.addEventListener(kind, stop, { passive: true });
  onCleanup(() => {
    for (const kind of ["wheel", "touchmove"]) window.removeEventListener(kind, stop);
  });
}

function Trashed(props: ReadProps): JSX.Element {
  const restore = async (): Promise<void> => {
    const answer = await restoreRecording(props.id);
    if (answer.ok) props.load.set(() => answer.value);
    tellRefusal(answer, null, t().recording.restored);
  };
  return (
    <Notice tone="warning" icon="trash">
      <p>{t().recording.trashed}</p>
      <Button onClick={() => void restore()}>{t().recording.restore}</Button>
    </Notice>
  );
}

function NoTranscript(props: { id: string; job: JobView | undefined }): JSX.Element {
  const start = async (): Promise<void> => {
    const { job } = props;
    tellRefusal(await (job ? changeJob(job.id, "retry") : transcribeAgain(props.id, {})), null);
  };
  return (
    <EmptyState icon="text" title={t().recording.noTranscript} detail={t().recording.noTranscriptDetail}>
      <Show when={!props.job || !isActive(props.job)}>
        <Button tone="primary" onClick={() => void start()} data-testid="transcribe">
          {t().recording.transcribe}
        </Button>
      </Show>
    </EmptyState>
  );
}
