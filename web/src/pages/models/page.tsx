import { For, type JSX, Show } from "solid-js";
import { Notice } from "../../design/notice";
import { Page } from "../../design/page";
import { ErrorState, Skeleton } from "../../design/states";
import { t } from "../../i18n/locale";
import { createModels, type Models, type News } from "../../state/models";
import { DiskUse } from "./disk-use";
import { ModelCard } from "./model-card";
import "./models.css";

export default function ModelsPage(): JSX.Element {
  const models = createModels();
  return (
    <Page title={t().models.title} intro={t().models.intro} wide testid="models-page">
      <Show when={models.disk() && models.problem()}>
        <Notice tone="bad">{t().models.unreachable}</Notice>
      </Show>
      <Show when={models.disk()} fallback={<NothingYet models={models} />}>
        {(disk) => <DiskUse disk={disk()} />}
      </Show>
      <ul class="models__list" aria-label={t().models.list}>
        <For each={models.all()}>{(model) => <ModelCard model={model} models={models} />}</For>
      </ul>
      <p class="visually-hidden" role="status" data-testid="models-news">
        {newsText(models.news())}
      </p>
    </Page>
  );
}

function NothingYet(props: { models: Models }): JSX.Element {
  return (
    <Show when={props.models.problem()} fallback={<Skeleton lines={6} />}>
      {(problem) => <ErrorState problem={problem()} onRetry={() => void props.models.refresh()} />}
    </Show>
  );
}

function newsText(news: News | null): string {
  if (!news) return "";
  if (news.kind === "remove") return t().models.news.remove.done(news.name);
  return t().models.news[news.kind][news.state](news.name);
}
