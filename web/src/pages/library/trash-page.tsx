import type { JSX } from "solid-js";
import { listRecordings } from "../../api/recordings";
import { ButtonLink } from "../../design/button";
import { Loaded } from "../../design/loaded";
import { Page } from "../../design/page";
import { EmptyState } from "../../design/states";
import { t } from "../../i18n/locale";
import { PATHS } from "../../lib/pages";
import { createLoad } from "../../state/load";
import { RecordingList } from "./recording-list";

export default function TrashPage(): JSX.Element {
  const found = createLoad(() => ({ trashed: true }), listRecordings);
  return (
    <Page
      title={t().library.trash}
      intro={t().library.trashIntro}
      testid="trash-page"
      actions={
        <ButtonLink href={PATHS.library} tone="quiet" icon="back">
          {t().library.back}
        </ButtonLink>
      }
    >
      <Loaded load={found}>
        {(page) =>
          page().items.length > 0 ? (
            <RecordingList items={page().items} />
          ) : (
            <EmptyState icon="trash" title={t().library.trashEmpty} />
          )
        }
      </Loaded>
    </Page>
  );
}
