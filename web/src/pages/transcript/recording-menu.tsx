import { useNavigate } from "@solidjs/router";
import { createSignal, type JSX, Show } from "solid-js";
import { type Hold, placeHold } from "../../api/holds";
import { type Recording, restoreRecording, trashRecording } from "../../api/transcripts";
import { Button } from "../../design/button";
import { Menu, type MenuItem } from "../../design/menu";
import { t } from "../../i18n/locale";
import { PATHS, recordingPath } from "../../lib/pages";
import { showToast } from "../../state/toasts";
import { PlaceHold } from "../holds/place-hold";
import { ReleaseHold } from "../holds/release-hold";
import { WhyHeld } from "../holds/why-held";
import { tellRefusal } from "./refusals";

interface RecordingMenuProps {
  recording: Recording;
  onChange: (change: (recording: Recording) => Recording) => void;
}

/** What can be done with the recording as a whole. */
export function RecordingMenu(props: RecordingMenuProps): JSX.Element {
  const [asking, setAsking] = createSignal<"place" | "release" | "why" | null>(null);
  const close = (): void => void setAsking(null);
  const remove = createRemoval(props);
  const accept = ({ legal_hold, reason, version }: Hold): void =>
    props.onChange((now) => ({ ...now, legal_hold, hold_reason: reason, version }));
  const placed = (hold: Hold): void => {
    close();
    accept(hold);
    showToast({ text: t().holds.placed });
  };
  const released = (hold: Hold): void => {
    const { id, hold_reason: reason } = props.recording;
    close();
    accept(hold);
    const again = async (): Promise<void> => {
      const answer = await placeHold(id, reason ?? "");
      if (answer.ok) accept(answer.value);
      tellRefusal(answer, () => void again(), t().holds.placed);
    };
    showToast({ text: t().holds.released, action: { label: t().states.undo, run: () => void again() } });
  };
  const items = (): MenuItem[] => [
    props.recording.legal_hold
      ? { label: t().holds.release, icon: "lock", testid: "ask-release", onSelect: () => setAsking("release") }
      : { label: t().holds.place, icon: "lock", testid: "ask-hold", onSelect: () => setAsking("place") },
    props.recording.legal_hold
      ? { label: t().library.why, icon: "trash", testid: "why-held", onSelect: () => setAsking("why") }
      : {
          label: t().recording.remove,
          icon: "trash",
          danger: true,
          testid: "trash",
          disabled: props.recording.trashed_at !== null,
          onSelect: () => void remove(),
        },
  ];
  return (
    <>
      <Menu label={t().recording.more} icon="more" iconOnly align="end" testid="recording-menu" items={items()} />
      <Show when={asking() === "place"}>
        <PlaceHold recording={props.recording.id} onPlaced={placed} onClose={close} />
      </Show>
      <Show when={asking() === "release"}>
        <ReleaseHold
          recording={props.recording.id}
          reason={props.recording.hold_reason}
          onReleased={released}
          onClose={close}
        />
      </Show>
      <Show when={asking() === "why"}>
        <WhyHeld reason={props.recording.hold_reason} onClose={close}>
          <Button icon="lock" onClick={() => setAsking("release")} data-testid="ask-release-instead">
            {t().holds.release}
          </Button>
        </WhyHeld>
      </Show>
    </>
  );
}

/** Moves the recording into the trash and leaves its page; the way back is offered. */
function createRemoval(props: RecordingMenuProps): () => Promise<void> {
  const navigate = useNavigate();
  const restore = async (id: string): Promise<void> => {
    if (tellRefusal(await restoreRecording(id), null, t().recording.restored)) navigate(recordingPath(id));
  };
  return async () => {
    const { id } = props.recording;
    if (!tellRefusal(await trashRecording(id), null)) return;
    showToast({ text: t().recording.removed, action: { label: t().states.undo, run: () => void restore(id) } });
    navigate(PATHS.library);
  };
}
