import type { JSX } from "solid-js";
import type { FoundRecording } from "../../api/library";
import { ButtonLink } from "../../design/button";
import { t } from "../../i18n/locale";
import { recordingPath } from "../../lib/pages";
import { WhyHeld } from "../holds/why-held";

/** Why a recording of the list cannot be deleted; its own page has what releases it. */
export function HeldDialog(props: { recording: FoundRecording; onClose: () => void }): JSX.Element {
  return (
    <WhyHeld reason={props.recording.hold_reason} onClose={props.onClose}>
      <ButtonLink href={recordingPath(props.recording.id)} tone="primary" data-testid="open-held">
        {t().library.openHeld}
      </ButtonLink>
    </WhyHeld>
  );
}
