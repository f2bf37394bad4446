import { createSignal, type JSX, Match, Show, Switch } from "solid-js";
import { type FoundRecording, trashDays } from "../../api/library";
import { Button } from "../../design/button";
import type { MenuItem } from "../../design/menu";
import { Page } from "../../design/page";
import { EmptyState, ErrorState, Skeleton } from "../../design/states";
import { counted, day, t } from "../../i18n/locale";
import { PATHS } from "../../lib/pages";
import { createLibrary } from "../../state/library";
import { createLibraryActions } from "../../state/library-actions";
import { createLoad } from "../../state/load";
import { createSelection } from "../../state/selection";
import { BulkBar } from "./bulk-bar";
import { DeleteDialog } from "./delete-dialog";
import { HeldDialog } from "./held-dialog";
import { RecordingList } from "./list";

const DAY_MS = 86_400_000;

export default function TrashPage(): JSX.Element {
  const library = createLibrary(() => ({ trashed: true }));
  const selection = createSelection(() => library.items);
  const actions = createLibraryActions(library);
  const days = createLoad(
    () => null,
    (_, signal) => trashDays(signal),
  );
  const [deleting, setDeleting] = createSignal<readonly FoundRecording[]>([]);
  const [held, setHeld] = createSignal<FoundRecording | null>(null);

  const ask = (ids: readonly string[]): void => {
    const some = library.items.filter(({ id }) => ids.includes(id));
    const kept = some.find(({ legal_hold }) => legal_hold);
    if (kept && some.length === 1) setHeld({ ...kept });
    else setDeleting(some.filter(({ legal_hold }) => !legal_hold));
  };
  const menu = (recording: FoundRecording): MenuItem[] => [
    {
      label: t().library.restore,
      icon: "undo",
      testid: "row-restore",
      onSelect: () => void actions.restore([recording.id]),
    },
    {
      label: recording.legal_hold ? t().library.why : t().library.deleteForGood,
      icon: recording.legal_hold ? "lock" : "trash",
      danger: !recording.legal_hold,
      testid: "row-delete",
      onSelect: () => ask([recording.id]),
    },
  ];
  const intro = () => {
    const kept = days.value();
    return kept === null ? t().library.trashIntro : counted(kept, t().library.trashIntroDays);
  };
  return (
    <Page
      title={t().library.trash}
      intro={intro()}
      testid="trash-page"
      back={{ href: PATHS.library, label: t().library.back }}
    >
      <Switch
        fallback={
          <RecordingList
            library={library}
            selection={selection}
            actions={menu}
            about={(recording) => <Fate recording={recording} days={days.value()} />}
            onDelete={ask}
          />
        }
      >
        <Match when={library.items.length === 0 && library.problem()}>
          {(problem) => <ErrorState problem={problem()} onRetry={() => void library.retry()} />}
        </Match>
        <Match when={library.items.length === 0 && library.loading()}>
          <Skeleton lines={4} />
        </Match>
        <Match when={library.items.length === 0}>
          <EmptyState icon="trash" title={t().library.trashEmpty} detail={t().library.trashEmptyDetail} />
        </Match>
      </Switch>
      <BulkBar selection={selection}>
        <Button icon="undo" onClick={() => void actions.restore(selection.ids())} data-testid="bulk-restore">
          {t().library.restore}
        </Button>
        <Button icon="trash" onClick={() => ask(selection.ids())} data-testid="bulk-delete">
          {t().library.deleteForGood}
        </Button>
      </BulkBar>
      <Show when={deleting().length > 0}>
        <DeleteDialog
          recordings={deleting()}
          onDeleted={(id) => library.remove([id])}
          onClose={() => setDeleting([])}
        />
      </Show>
      <Show when={held()}>{(recording) => <HeldDialog recording={recording()} onClose={() => setHeld(null)} />}</Show>
    </Page>
  );
}

/** When it was put here, and when it goes; what is held does not go. */
function Fate(props: { recording: FoundRecording; days: number | null }): JSX.Element {
  const goes = () => {
    const { trashed_at: at, legal_hold: kept } = props.recording;
    if (!at || kept || props.days === null) return null;
    return new Date(Date.parse(at) + props.days * DAY_MS).toISOString();
  };
  return (
    <>
      <Show when={props.recording.trashed_at}>{(at) => <span>{t().library.deletedOn(day(at()))}</span>}</Show>
      <Show when={goes()}>{(at) => <span>{t().library.goneOn(day(at()))}</span>}</Show>
    </>
  );
}
