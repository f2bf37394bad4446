import { A } from "@solidjs/router";
import { For, type JSX, Show } from "solid-js";
import type { FoundRecording } from "../../api/library";
import { Badge, type BadgeTone, Tag } from "../../design/badge";
import { Menu, type MenuItem } from "../../design/menu";
import { dateAndTime, percent, t } from "../../i18n/locale";
import { pieces } from "../../lib/excerpts";
import { isKnownLanguage } from "../../lib/languages";
import { recordingPath } from "../../lib/pages";
import { problemText } from "../../lib/problem";
import { type Stage, stageOf } from "../../lib/recording-state";
import { clock } from "../../lib/time";
import { recordingName } from "../../state/recording-name";
import type { Selection } from "../../state/selection";
import { languageName } from "./filters";
import { onLongPress } from "./long-press";

type Match = FoundRecording["matches"][number];

interface RowProps {
  recording: FoundRecording;
  selection: Selection;
  /** What can be done to it. */
  actions: readonly MenuItem[];
  /** What is to be said of it besides. */
  about?: JSX.Element;
}

export function RecordingRow(props: RowProps): JSX.Element {
  const name = () => recordingName(props.recording);
  const chosen = () => props.selection.has(props.recording.id);
  const press = onLongPress(() => props.selection.toggle(props.recording.id));
  /** Once something is chosen, a finger chooses more; it does not open. */
  const onClick = (event: MouseEvent): void => {
    const choosing = press.byFinger() && props.selection.any();
    if (!choosing && !event.shiftKey) return;
    event.preventDefault();
    if (event.shiftKey) props.selection.extend(props.recording.id);
    else props.selection.toggle(props.recording.id);
  };
  return (
    <li class="recording" data-testid="recording" data-id={props.recording.id} data-chosen={chosen() ? "" : undefined}>
      <label class="recording__choose">
        <input
          type="checkbox"
          checked={chosen()}
          aria-label={t().library.select(name())}
          onClick={(event) => event.shiftKey && props.selection.extend(props.recording.id)}
          onChange={() => props.selection.toggle(props.recording.id)}
        />
      </label>
      <div class="recording__main">
        <h2 class="recording__name">
          <A class="recording__link" href={recordingPath(props.recording.id)} {...press.handlers} onClick={onClick}>
            {name()}
          </A>
        </h2>
        <About recording={props.recording}>{props.about}</About>
        <Words recording={props.recording} />
        <Show when={props.recording.tags.length > 0}>
          <div class="recording__tags">
            <For each={props.recording.tags}>{(tag) => <Tag text={tag} />}</For>
          </div>
        </Show>
      </div>
      <div class="recording__menu">
        <Menu label={t().library.actionsFor(name())} icon="more" iconOnly align="end" items={props.actions} />
      </div>
    </li>
  );
}

function About(props: { recording: FoundRecording; children: JSX.Element }): JSX.Element {
  const language = () => {
    const code = props.recording.summary?.language;
    return code && isKnownLanguage(code) ? code : null;
  };
  return (
    <p class="recording__about">
      <time dateTime={props.recording.created_at}>{dateAndTime(props.recording.created_at)}</time>
      <Show when={props.recording.duration_s}>
        {(seconds) => (
          <span>
            <span class="visually-hidden">{t().library.duration(clock(seconds()))}</span>
            <span aria-hidden="true">{clock(seconds())}</span>
          </span>
        )}
      </Show>
      <Show when={language()}>{(code) => <span>{languageName(code())}</span>}</Show>
      <StageBadge stage={stageOf(props.recording)} />
      <Show when={props.recording.legal_hold}>
        <Badge tone="warning" icon="lock">
          {t().library.held}
        </Badge>
      </Show>
      {props.children}
    </p>
  );
}

const TONES: Record<Stage["kind"], BadgeTone> = {
  receiving: "busy",
  waiting: "plain",
  transcribing: "busy",
  failed: "bad",
  cancelled: "plain",
  kept: "plain",
  ready: "ok",
};

function StageBadge(props: { stage: Stage }): JSX.Element {
  const text = (): string => {
    const { stage } = props;
    const name = t().library.stages[stage.kind];
    const ratio = "ratio" in stage ? stage.ratio : null;
    return ratio === null ? name : t().library.stageWith(name, percent(ratio));
  };
  return (
    // What is ready is what one expects: nothing is said of it.
    <Show when={props.stage.kind !== "ready"}>
      <Badge tone={TONES[props.stage.kind]}>{text()}</Badge>
    </Show>
  );
}

/** Where the words were found; else how the transcript begins, or why there is none. */
function Words(props: { recording: FoundRecording }): JSX.Element {
  const matches = () => props.recording.matches.filter(({ field }) => field !== "tags" && field !== "title");
  const failure = () => {
    const stage = stageOf(props.recording);
    return stage.kind === "failed" ? problemText(t(), stage.code, stage.detail) : null;
  };
  return (
    <>
      <Show when={failure()}>{(why) => <p class="recording__why">{why()}</p>}</Show>
      <Show
        when={matches().length > 0}
        fallback={
          <Show when={props.recording.summary?.beginning}>
            {(beginning) => (
              <p class="recording__words" lang={props.recording.summary?.language ?? undefined}>
                {beginning()}
              </p>
            )}
          </Show>
        }
      >
        <ul class="recording__matches">
          <For each={matches()}>{(match) => <MatchLine recording={props.recording} match={match} />}</For>
        </ul>
      </Show>
    </>
  );
}

function MatchLine(props: { recording: FoundRecording; match: Match }): JSX.Element {
  const found = () => (
    <For each={pieces(props.match.text, props.match.ranges)}>
      {(piece) => (
        <Show when={piece.marked} fallback={piece.text}>
          <mark>{piece.text}</mark>
        </Show>
      )}
    </For>
  );
  const field = () => (t().library.foundIn as Record<string, string>)[props.match.field] ?? "";
  return (
    <li class="match" data-testid="match">
      <Show
        when={props.match.start_s !== null}
        fallback={
          <>
            <span class="match__where">{field()}</span> <span>{found()}</span>
          </>
        }
      >
        <A class="match__link" href={recordingPath(props.recording.id, props.match.start_s ?? 0)}>
          <span class="visually-hidden">{t().library.listenAt(clock(props.match.start_s ?? 0))}</span>
          <span class="match__where" aria-hidden="true">
            {clock(props.match.start_s ?? 0)}
          </span>{" "}
          <span lang={props.recording.summary?.language ?? undefined}>{found()}</span>
        </A>
      </Show>
    </li>
  );
}
