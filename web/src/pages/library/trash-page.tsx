import type { JSX } from "solid-js";
import { listRecordings } from "../../api/recordings";
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
      back={{ href: PATHS.library, label: t().library.back }}
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
