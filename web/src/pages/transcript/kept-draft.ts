import { useNavigate } from "@solidjs/router";
import { createEffect, on, onCleanup } from "solid-js";
import { t } from "../../i18n/locale";
import { recordingPath } from "../../lib/pages";
import { useApp } from "../../state/context";
import { showToast } from "../../state/toasts";
import type { Reading } from "./reading";

/**
 * Whoever goes to another page of the app loses nothing: what is being typed is saved meanwhile, and what cannot be is kept,
 * told about, and shown again in its line when the page is opened the next time.
 */
export function keepDraft({ transcript, editor }: Reading, showVersion: (version: number) => void): void {
  const { drafts } = useApp();
  const navigate = useNavigate();
  const { recording } = transcript;
  const leave = async (): Promise<void> => {
    const typed = editor.draft();
    if (!typed) return;
    drafts.keep(recording, typed);
    const left = await editor.leave();
    // The page may have been opened again meanwhile, and have taken it.
    if (drafts.of(recording) !== typed) return;
    drafts.drop(recording);
    if (!left) return;
    drafts.keep(recording, left);
    const back = (): void => navigate(recordingPath(recording));
    showToast({ text: t().edit.kept, tone: "bad", action: { label: t().edit.backToDraft, run: back } });
  };
  const goOn = async (version: number): Promise<void> => {
    const draft = drafts.of(recording);
    if (!draft) return;
    if (draft.version !== version) return showVersion(draft.version);
    if (await editor.goOn(draft)) drafts.drop(recording);
  };
  createEffect(
    on(
      () => transcript.head()?.version,
      (version) => version !== undefined && void goOn(version),
    ),
  );
  onCleanup(() => void leave());
}
