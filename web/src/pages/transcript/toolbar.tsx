import { createSignal, type JSX, lazy, Show, Suspense } from "solid-js";
import { EXPORTS, exportAddress } from "../../api/transcripts";
import { IconButton } from "../../design/button";
import { Menu } from "../../design/menu";
import { Toolbar } from "../../design/page";
import { t } from "../../i18n/locale";
import { showToast } from "../../state/toasts";
import { FindBar } from "./find-bar";
import { Conflict } from "./line-field";
import { useReading } from "./reading";
import { tellRefusal } from "./refusals";
import { SpeakersDialog } from "./speaker-button";

// What few open is not loaded along with the page.
const HistoryDialog = lazy(async () => ({ default: (await import("./history-dialog")).HistoryDialog }));
const AgainDialog = lazy(async () => ({ default: (await import("./again-dialog")).AgainDialog }));

type Open = "history" | "speakers" | "again" | null;

/** What can be done with the transcript; it stays in sight. */
export function Tools(props: { onCompare: () => void }): JSX.Element {
  const reading = useReading();
  const [open, setOpen] = createSignal<Open>(null);
  const close = (): void => void setOpen(null);
  return (
    <div class="edit-tools">
      <Toolbar label={t().edit.tools}>
        <BackAndForth />
        <IconButton
          icon="search"
          label={t().find.open}
          pressed={reading.finder.isOpen()}
          onClick={() => (reading.finder.isOpen() ? reading.finder.close() : reading.finder.open())}
          data-testid="find"
        />
        <IconButton
          icon="doubt"
          label={t().edit.doubt}
          pressed={reading.doubt()}
          onClick={() => reading.setDoubt(!reading.doubt())}
          data-testid="doubt"
        />
        <IconButton icon="history" label={t().changes.title} onClick={() => setOpen("history")} data-testid="history" />
        <span class="edit-tools__gap" />
        <span class="edit-tools__export">
          <ExportMenu />
        </span>
        <Menu
          label={t().recording.more}
          icon="more"
          iconOnly
          align="end"
          testid="more"
          items={[
            { label: t().speakers.manage, icon: "person", onSelect: () => setOpen("speakers") },
            { label: t().versions.compare, icon: "columns", testid: "compare", onSelect: () => props.onCompare() },
            { label: t().again.title, icon: "retry", testid: "again", onSelect: () => setOpen("again") },
          ]}
        />
      </Toolbar>
      <Show when={reading.doubt()}>
        <Legend />
      </Show>
      <Show when={reading.finder.isOpen()}>
        <FindBar />
      </Show>
      <Show when={reading.editor.homeless()}>
        <Conflict />
      </Show>
      <Suspense>
        <Show when={open() === "history"}>
          <HistoryDialog onClose={close} />
        </Show>
        <Show when={open() === "again"}>
          <AgainDialog recording={reading.transcript.recording} onClose={close} />
        </Show>
      </Suspense>
      <Show when={open() === "speakers"}>
        <SpeakersDialog onClose={close} />
      </Show>
    </div>
  );
}

export async function takeBack(reading: ReturnType<typeof useReading>, what: "undo" | "redo"): Promise<void> {
  const { transcript } = reading;
  if (!transcript.head()?.[what]) return;
  const answer = await transcript[what]();
  tellRefusal(answer, null, what === "undo" ? t().edit.undone : t().edit.redone);
}

function BackAndForth(): JSX.Element {
  const reading = useReading();
  const head = reading.transcript.head;
  return (
    <>
      <IconButton
        icon="undo"
        label={t().edit.undo}
        busy={!head()?.undo || reading.transcript.busy()}
        onClick={() => void takeBack(reading, "undo")}
        data-testid="undo"
      />
      <IconButton
        icon="redo"
        label={t().edit.redo}
        busy={!head()?.redo || reading.transcript.busy()}
        onClick={() => void takeBack(reading, "redo")}
        data-testid="redo"
      />
    </>
  );
}

/** How uncertain words look: by their line as well as by their colour. */
function Legend(): JSX.Element {
  return (
    <p class="legend" data-doubt="" data-testid="legend">
      {t().edit.doubtLegend}
      <span class="word" data-doubt="unsure">
        {t().edit.unsure}
      </span>
      <span class="word" data-doubt="very-unsure">
        {t().edit.veryUnsure}
      </span>
    </p>
  );
}

function ExportMenu(): JSX.Element {
  const { transcript } = useReading();
  const save = async (format: (typeof EXPORTS)[number]): Promise<void> => {
    const version = transcript.head()?.version;
    if (version === undefined) return;
    // A link, and no window: the browser saves it under the name that the service gives it.
    const link = document.createElement("a");
    link.href = exportAddress(transcript.recording, format, version);
    link.download = "";
    link.click();
    if (!navigator.onLine) showToast({ text: t().problems.network, tone: "bad" });
  };
  return (
    <Menu
      label={t().exporting.label}
      icon="download"
      align="end"
      testid="export"
      items={EXPORTS.map((format) => ({
        label: t().exporting.formats[format],
        testid: `export-${format}`,
        onSelect: () => void save(format),
      }))}
    />
  );
}
