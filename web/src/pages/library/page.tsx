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

export default function LibraryPage(): JSX.Element {
  const found = createLoad(() => ({}), listRecordings);
  return (
    <Page
      title={t().library.title}
      intro={t().library.intro}
      testid="library-page"
      actions={
        <ButtonLink href={PATHS.trash} tone="quiet" icon="trash">
          {t().library.trash}
        </ButtonLink>
      }
    >
      <Loaded load={found}>
        {(page) => (page().items.length > 0 ? <RecordingList items={page().items} /> : <NothingKept />)}
      </Loaded>
    </Page>
  );
}

function NothingKept(): JSX.Element {
  return (
    <EmptyState icon="library" title={t().library.empty} detail={t().library.emptyDetail}>
      <ButtonLink href={PATHS.record} tone="primary" icon="mic">
        {t().record.start}
      </ButtonLink>
    </EmptyState>
  );
}
