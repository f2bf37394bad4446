import type { JSX } from "solid-js";
import { ButtonLink } from "../../design/button";
import { Page } from "../../design/page";
import { EmptyState } from "../../design/states";
import { t } from "../../i18n/locale";
import { PATHS } from "../../lib/pages";

export default function NotFoundPage(): JSX.Element {
  return (
    <Page title={t().notFound.title} quietTitle testid="not-found-page">
      <EmptyState icon="search" title={t().notFound.title} detail={t().notFound.detail}>
        <ButtonLink href={PATHS.record} tone="primary" icon="mic">
          {t().nav.places.record}
        </ButtonLink>
        <ButtonLink href={PATHS.library} icon="library">
          {t().nav.places.library}
        </ButtonLink>
      </EmptyState>
    </Page>
  );
}
