import { useLocation, useNavigate } from "@solidjs/router";
import { createMemo, createSignal, createUniqueId, type JSX, Match, Show, Switch } from "solid-js";
import { type FoundRecording, listTags, retryJob } from "../../api/library";
import { Button, ButtonLink } from "../../design/button";
import { Icon } from "../../design/icon";
import type { MenuItem } from "../../design/menu";
import { Page } from "../../design/page";
import { EmptyState, ErrorState, Skeleton } from "../../design/states";
import { count, counted, t } from "../../i18n/locale";
import { EVERYTHING, filtersOf, isNarrowed, readAddress, type Wanted, writeAddress } from "../../lib/library-address";
import { PATHS } from "../../lib/pages";
import { problemText } from "../../lib/problem";
import { stageOf } from "../../lib/recording-state";
import { createLibrary, type Library } from "../../state/library";
import { createLibraryActions } from "../../state/library-actions";
import { createLoad } from "../../state/load";
import { createSelection } from "../../state/selection";
import { showToast } from "../../state/toasts";
import { BulkBar } from "./bulk-bar";
import { chipsOf, FilterChips, FilterPanel, OrderSelect } from "./filters";
import { Finder } from "./finder";
import { HeldDialog } from "./held-dialog";
import { focusFirst, RecordingList } from "./list";
import { TagsDialog } from "./tags-dialog";

export default function LibraryPage(): JSX.Element {
  const { wanted, change } = createAddress();
  const library = createLibrary(createMemo(() => filtersOf(wanted())));
  const selection = createSelection(() => library.items);
  const actions = createLibraryActions(library);
  const tags = createLoad(
    () => null,
    (_, signal) => listTags(signal),
  );
  const known = () => tags.value()?.map(({ tag }) => tag) ?? [];
  const [tagging, setTagging] = createSignal<readonly FoundRecording[]>([]);
  const [held, setHeld] = createSignal<FoundRecording | null>(null);

  const chosen = () => library.items.filter(({ id }) => selection.has(id));
  const trash = async (ids: string[]): Promise<void> => {
    const only = ids.length === 1 ? library.items.find(({ id }) => id === ids[0]) : null;
    if (only?.legal_hold) setHeld({ ...only });
    else await actions.trash(ids);
  };
  const menu = (recording: FoundRecording): MenuItem[] => [
    ...retryItems(recording, library),
    { label: t().library.editTags, icon: "tag", testid: "row-tags", onSelect: () => setTagging([recording]) },
    {
      label: recording.legal_hold ? t().library.why : t().library.moveToTrash,
      icon: recording.legal_hold ? "lock" : "trash",
      testid: "row-trash",
      onSelect: () => void trash([recording.id]),
    },
  ];
  return (
    <Page
      title={t().library.title}
      intro={t().library.intro}
      testid="library-page"
      actions={
        <ButtonLink href={PATHS.trash} tone="quiet" icon="trash" data-testid="to-trash">
          {t().library.trash}
        </ButtonLink>
      }
    >
      <Narrowing wanted={wanted()} tags={known()} onChange={change} />
      <Found library={library} wanted={wanted()} onShowAll={() => change(EVERYTHING)}>
        <RecordingList library={library} selection={selection} actions={menu} onDelete={(ids) => void trash(ids)} />
      </Found>
      <BulkBar selection={selection}>
        <Button icon="tag" onClick={() => setTagging(chosen())} data-testid="bulk-tags">
          {t().library.editTags}
        </Button>
        <Button icon="trash" onClick={() => void trash(selection.ids())} data-testid="bulk-trash">
          {t().library.moveToTrash}
        </Button>
      </BulkBar>
      <Show when={tagging().length > 0}>
        <TagsDialog
          recordings={tagging()}
          known={known()}
          onSave={(retagging) => void actions.retag(tagging(), retagging).then(tags.reload)}
          onClose={() => setTagging([])}
        />
      </Show>
      <Show when={held()}>{(recording) => <HeldDialog recording={recording()} onClose={() => setHeld(null)} />}</Show>
    </Page>
  );
}

/** What is asked for stands in the address, so that it can be kept, sent and gone back to. */
function createAddress() {
  const location = useLocation();
  const navigate = useNavigate();
  const wanted = createMemo(() => readAddress(location.search));
  const change = (some: Partial<Wanted>): void =>
    navigate(`${PATHS.library}${writeAddress({ ...wanted(), ...some })}`, { replace: true, scroll: false });
  return { wanted, change };
}

interface NarrowingProps {
  wanted: Wanted;
  tags: readonly string[];
  onChange: (change: Partial<Wanted>) => void;
}

function Narrowing(props: NarrowingProps): JSX.Element {
  const id = createUniqueId();
  const [open, setOpen] = createSignal(false);
  const number = () => chipsOf(props.wanted).length;
  return (
    <div class="narrowing">
      <Finder value={props.wanted.q} onFind={(q) => props.onChange({ q })} onDown={focusFirst} />
      <div class="narrowing__tools">
        <button
          type="button"
          class="button"
          aria-expanded={open()}
          aria-controls={open() ? id : undefined}
          data-testid="filters-toggle"
          onClick={() => setOpen(!open())}
        >
          <Icon name="settings" />
          {t().library.filters}
          <Show when={number() > 0}>
            <span class="narrowing__number">{count(number())}</span>
          </Show>
        </button>
        <OrderSelect {...props} />
      </div>
      <Show when={open()}>
        <FilterPanel {...props} id={id} />
      </Show>
      <FilterChips {...props} onClear={() => props.onChange({ ...EVERYTHING, q: props.wanted.q })} />
    </div>
  );
}

interface FoundProps {
  library: Library;
  wanted: Wanted;
  onShowAll: () => void;
  children: JSX.Element;
}

/** The list, or what there is instead of it. */
function Found(props: FoundProps): JSX.Element {
  const nothing = () => props.library.items.length === 0;
  const problem = () => (nothing() ? props.library.problem() : null);
  return (
    <>
      <p class="found hint" role="status" data-testid="total">
        <Show when={!nothing()}>{totalOf(props.library)}</Show>
      </p>
      <Switch fallback={props.children}>
        <Match when={problem()}>
          {(why) => <ErrorState problem={why()} onRetry={() => void props.library.retry()} />}
        </Match>
        <Match when={nothing() && props.library.loading()}>
          <Skeleton lines={5} />
        </Match>
        <Match when={nothing() && isNarrowed(props.wanted)}>
          <EmptyState icon="search" title={t().library.noMatches} detail={t().library.noMatchesDetail}>
            <Button onClick={() => props.onShowAll()}>{t().library.showAll}</Button>
          </EmptyState>
        </Match>
        <Match when={nothing()}>
          <NothingKept />
        </Match>
      </Switch>
    </>
  );
}

function totalOf(library: Library): string {
  const total = library.total();
  if (!total) return counted(library.items.length, t().library.recordings);
  return total.exact ? counted(total.count, t().library.recordings) : t().library.moreThan(count(total.count));
}

function NothingKept(): JSX.Element {
  return (
    <EmptyState icon="library" title={t().library.empty} detail={t().library.emptyDetail}>
      <ButtonLink href={PATHS.record} tone="primary" icon="mic">
        {t().record.start}
      </ButtonLink>
      <ButtonLink href={PATHS.record} icon="file">
        {t().library.sendFile}
      </ButtonLink>
    </EmptyState>
  );
}

function retryItems(recording: FoundRecording, library: Library): MenuItem[] {
  const job = recording.transcription.job_id;
  const { kind } = stageOf(recording);
  if (!job || (kind !== "failed" && kind !== "cancelled")) return [];
  const retry = async (): Promise<void> => {
    const answer = await retryJob(job);
    if (!answer.ok) showToast({ tone: "bad", text: problemText(t(), answer.problem.code, answer.problem.detail) });
    await library.refresh();
  };
  return [{ label: t().library.tryAgain, icon: "retry", onSelect: () => void retry() }];
}
