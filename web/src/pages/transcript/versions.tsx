import { createWindowVirtualizer } from "@tanstack/solid-virtual";
import { createMemo, createSignal, For, type JSX, onMount, Show } from "solid-js";
import type { Answer } from "../../api/client";
import { type Head, listVersions, makeCurrent, readLines } from "../../api/transcripts";
import { Button } from "../../design/button";
import { Select } from "../../design/field";
import { Loaded } from "../../design/loaded";
import { dateAndTime, t } from "../../i18n/locale";
import { clock } from "../../lib/time";
import { type Row, sideBySide } from "../../lib/transcript/diff";
import type { Line } from "../../lib/transcript/types";
import { createLoad } from "../../state/load";
import { PiecesView } from "./pieces";
import { tellRefusal } from "./refusals";

const PAGE = 2000;

interface VersionsProps {
  recording: string;
  /** The version that is shown. */
  shown: number;
  onShow: (version: number) => void;
  onClose: () => void;
}

/** Two versions side by side, and which of them counts. */
export function Versions(props: VersionsProps): JSX.Element {
  const heads = createLoad(() => props.recording, listVersions);
  return (
    <section class="versions" aria-label={t().versions.compare} data-testid="versions">
      <div class="row">
        <Button icon="back" tone="quiet" onClick={props.onClose} data-testid="versions-close">
          {t().versions.close}
        </Button>
      </div>
      <Loaded load={heads}>
        {(known) => <Pair {...props} heads={known()} onChanged={() => void heads.reload()} />}
      </Loaded>
    </section>
  );
}

function Pair(props: VersionsProps & { heads: Head[]; onChanged: () => void }): JSX.Element {
  const numbers = () => props.heads.map((head) => head.version);
  const [left, setLeft] = createSignal(
    numbers()
      .filter((number) => number !== props.shown)
      .pop() ?? props.shown,
  );
  const [right, setRight] = createSignal(props.shown);
  const [onlyDifferent, setOnlyDifferent] = createSignal(false);
  const both = createLoad(
    () => [left(), right()] as const,
    async ([a, b], signal): Promise<Answer<Row[]>> => {
      const [first, second] = await Promise.all([
        allLines(props.recording, a, signal),
        allLines(props.recording, b, signal),
      ]);
      if (!first.ok) return first;
      return second.ok ? { ok: true, value: sideBySide(first.value, second.value) } : second;
    },
  );
  const side = (label: string, chosen: () => number, choose: (version: number) => void) => (
    <Side {...props} label={label} chosen={chosen()} onChoose={choose} />
  );
  return (
    <>
      <div class="versions__sides">
        {side(t().versions.left, left, setLeft)}
        {side(t().versions.right, right, setRight)}
      </div>
      <div class="versions__legend">
        <del class="pieces__left">{t().versions.onlyLeft}</del>
        <ins class="pieces__right">{t().versions.onlyRight}</ins>
        <label class="find__case">
          <input
            type="checkbox"
            checked={onlyDifferent()}
            onChange={(event) => setOnlyDifferent(event.currentTarget.checked)}
          />
          {t().versions.onlyDifferent}
        </label>
      </div>
      <Loaded load={both}>
        {(rows) => <Rows rows={onlyDifferent() ? rows().filter((row) => !row.same) : rows()} />}
      </Loaded>
    </>
  );
}

interface SideProps extends VersionsProps {
  heads: Head[];
  onChanged: () => void;
  label: string;
  chosen: number;
  onChoose: (version: number) => void;
}

function Side(props: SideProps): JSX.Element {
  const head = () => props.heads.find(({ version }) => version === props.chosen);
  const name = ({ version, model, created_at, current }: Head): string => {
    const named = t().versions.name(String(version), model, dateAndTime(created_at));
    return current ? `${named} · ${t().versions.current}` : named;
  };
  const choose = async (): Promise<void> => {
    const done = t().versions.madeCurrent(String(props.chosen));
    if (tellRefusal(await makeCurrent(props.recording, props.chosen), null, done)) props.onChanged();
  };
  return (
    <div class="versions__side">
      <Select
        label={props.label}
        value={String(props.chosen)}
        options={props.heads.map((each) => ({ value: String(each.version), label: name(each) }))}
        onChange={(version) => props.onChoose(Number(version))}
      />
      <div class="row">
        <Button onClick={() => props.onShow(props.chosen)}>{t().versions.show}</Button>
        <Show when={!head()?.current}>
          <Button onClick={() => void choose()} data-testid="make-current">
            {t().versions.makeCurrent}
          </Button>
        </Show>
      </div>
    </div>
  );
}

function Rows(props: { rows: readonly Row[] }): JSX.Element {
  const [top, setTop] = createSignal(0);
  let list: HTMLOListElement | undefined;
  onMount(() => setTop((list?.getBoundingClientRect().top ?? 0) + window.scrollY));
  const rows = createWindowVirtualizer({
    get count() {
      return props.rows.length;
    },
    get scrollMargin() {
      return top();
    },
    estimateSize: () => 96,
    overscan: 6,
  });
  const empty = createMemo(() => props.rows.every((row) => row.same));
  return (
    <>
      <Show when={empty()}>
        <p class="hint">{t().versions.same}</p>
      </Show>
      <ol class="versions__rows" ref={list} style={{ height: `${rows.getTotalSize()}px` }} data-testid="version-rows">
        <For each={rows.getVirtualItems()}>
          {(item) => (
            <li
              class="versions__row"
              data-index={item.index}
              data-same={props.rows[item.index]?.same ? "" : undefined}
              style={{ transform: `translateY(${item.start - top()}px)` }}
              ref={(element) => queueMicrotask(() => element.isConnected && rows.measureElement(element))}
            >
              <span class="lines__time">{clock(props.rows[item.index]?.start ?? 0)}</span>
              <PiecesView pieces={props.rows[item.index]?.left ?? []} />
              <PiecesView pieces={props.rows[item.index]?.right ?? []} />
            </li>
          )}
        </For>
      </ol>
    </>
  );
}

/** A whole version, without the times of its words. */
async function allLines(recording: string, version: number, signal: AbortSignal): Promise<Answer<Line[]>> {
  const lines: Line[] = [];
  for (let from: number | null = 0; from !== null; ) {
    const place = { recording, version: String(version) };
    const answer = await readLines(place, { from, limit: PAGE, words: false }, signal);
    if (!answer.ok) return answer;
    lines.push(...(answer.value.segments as Line[]));
    from = answer.value.next;
  }
  return { ok: true, value: lines };
}
